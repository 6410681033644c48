// SPDX-License-Identifier: GPL-2.0
#include "negotiate.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../util/cleanup.h"

#define BLANK " \t"

/* One element of a list in a header: a range and its quality. */
struct range {
	const char *name;
	const char *version, *escaping, *message, *framing; /* NULL: not given */
	double q;					    /* 0 to 1 */
};

/* Splits off the text before the next separator outside quotes, without surrounding blanks.
 * NULL: *rest is at its end. */
static char *split(char **rest, char separator)
{
	char *text = *rest, *end = text;
	bool quoted = false;

	if (!text)
		return NULL;
	for (; *end && (quoted || *end != separator); end++) {
		if (*end == '"')
			quoted = !quoted;
		else if (quoted && *end == '\\' && end[1])
			end++;
	}
	*rest = *end ? end + 1 : NULL;
	while (end > text && strchr(BLANK, end[-1]))
		end--;
	*end = '\0';
	return text + strspn(text, BLANK);
}

/* The value of a parameter, or NULL if it has another name. */
static const char *parameter(char *text, const char *name)
{
	size_t length = strlen(name);
	char *value = text + length;

	if (strncasecmp(text, name, length) || *value != '=')
		return NULL;
	value++;
	if (*value == '"') {
		value++;
		value[strcspn(value, "\"")] = '\0';
	}
	return value;
}

static bool next_range(char **rest, struct range *ret_range)
{
	char *text = split(rest, ','), *one;
	const char *value;

	if (!text)
		return false;
	*ret_range = (struct range){.name = split(&text, ';'), .q = 1};
	while ((one = split(&text, ';'))) {
		if ((value = parameter(one, "q")))
			ret_range->q = strtod(value, NULL);
		else if ((value = parameter(one, "version")))
			ret_range->version = value;
		else if ((value = parameter(one, "escaping")))
			ret_range->escaping = value;
		else if ((value = parameter(one, "proto")))
			ret_range->message = value;
		else if ((value = parameter(one, "encoding")))
			ret_range->framing = value;
	}
	if (!(ret_range->q >= 0 && ret_range->q <= 1))
		ret_range->q = 0;
	return true;
}

/* How specific the match of a range and a format is. */
enum match { NO_MATCH, BY_ANY, BY_GROUP, BY_TYPE, BY_VERSION };

/* Does a range name all subtypes of the type, such as "text" and an asterisk? */
static bool is_group(const char *name, const char *type)
{
	size_t length = strcspn(type, "/") + 1;

	return !strncasecmp(name, type, length) && !strcmp(name + length, "*");
}

/* Protobuf is only for those who name it, with the message and how messages are framed. */
static bool names_message(const struct range *range, const struct encoder *encoder)
{
	return range->message && range->framing && !strcmp(range->message, encoder->message) &&
	       !strcmp(range->framing, encoder->framing);
}

static enum match match(const struct range *range, const struct encoder *encoder)
{
	bool is_named = !strcasecmp(range->name, encoder->media);

	if (encoder->message)
		return is_named && names_message(range, encoder) ? BY_VERSION : NO_MATCH;
	if (range->version ? strcmp(range->version, encoder->version) : !encoder->usual)
		return NO_MATCH;
	if (is_named)
		return range->version ? BY_VERSION : BY_TYPE;
	if (is_group(range->name, encoder->media))
		return BY_GROUP;
	return strcmp(range->name, "*/*") ? NO_MATCH : BY_ANY;
}

/* paimond serves plain names only, which are the same in every scheme. */
static const char *known_escaping(const char *name)
{
	static const char *const known[] = {"allow-utf-8", "underscores", "dots", "values"};

	for (size_t i = 0; name && i < sizeof(known) / sizeof(*known); i++)
		if (!strcmp(name, known[i]))
			return known[i];
	return NULL;
}

struct http_form http_negotiate(const char *accept)
{
	struct {
		enum match by;
		double q;
		const char *escaping;
	} found[NR_ENCODERS] = {};
	_cleanup_free_ char *copy = accept ? strdup(accept) : NULL;
	size_t best = NR_ENCODERS - 1;
	struct range range;

	for (char *rest = copy; next_range(&rest, &range);)
		for (size_t i = 0; i < NR_ENCODERS; i++) {
			enum match by = match(&range, &encoders[i]);

			if (by == NO_MATCH || by < found[i].by ||
			    (by == found[i].by && range.q <= found[i].q))
				continue;
			found[i].by = by;
			found[i].q = range.q;
			found[i].escaping = known_escaping(range.escaping);
		}
	/* Of formats with the same quality, the one with the more specific match; then the one that
	 * is first in the table, if it is named explicitly. */
	for (size_t i = NR_ENCODERS - 1; i-- > 0;)
		if (found[i].q > found[best].q ||
		    (found[i].q > 0 && found[i].q == found[best].q &&
		     (found[i].by > found[best].by ||
		      (found[i].by == found[best].by && found[i].by >= BY_TYPE))))
			best = i;
	return (struct http_form){&encoders[best], found[best].q > 0 ? found[best].escaping : NULL};
}

void http_form_type(const struct http_form *form, char ret_type[HTTP_FORM_TYPE_LEN])
{
	snprintf(ret_type, HTTP_FORM_TYPE_LEN, "%s%s%s", form->encoder->content_type,
		 form->escaping ? "; escaping=" : "", form->escaping ?: "");
}

bool http_wants_gzip(const char *accept_encoding)
{
	_cleanup_free_ char *copy = accept_encoding ? strdup(accept_encoding) : NULL;
	double gzip = -1, any = -1, identity = -1;
	struct range range;

	for (char *rest = copy; next_range(&rest, &range);) {
		double *q = !strcasecmp(range.name, "gzip") || !strcasecmp(range.name, "x-gzip")
				    ? &gzip
			    : !strcasecmp(range.name, "identity") ? &identity
			    : !strcmp(range.name, "*")		  ? &any
								  : NULL;

		if (q && range.q > *q)
			*q = range.q;
	}
	if (gzip < 0)
		gzip = any;
	return gzip > 0 && gzip >= identity;
}

/* Is the text after a host a port, or empty? */
static bool is_port(const char *text)
{
	return !*text || (*text == ':' && !text[1 + strspn(text + 1, "0123456789")]);
}

bool http_host_allowed(const char *host, const char *hostname, char *const *allowed)
{
	struct in6_addr address;
	char name[HTTP_HOST_LEN];
	size_t length;

	if (!host)
		return true;
	if (host[0] == '[') {
		length = strcspn(++host, "]");
		if (host[length] != ']' || !is_port(host + length + 1))
			return false;
	} else {
		length = strcspn(host, ":");
		if (!is_port(host + length))
			return false;
	}
	if (!length || length >= sizeof(name))
		return false;
	memcpy(name, host, length);
	name[length] = '\0';
	if (inet_pton(AF_INET, name, &address) == 1 || inet_pton(AF_INET6, name, &address) == 1)
		return true;
	if (!strcasecmp(name, "localhost") || (hostname && !strcasecmp(name, hostname)))
		return true;
	for (; allowed && *allowed; allowed++)
		if (!strcasecmp(name, *allowed))
			return true;
	return false;
}

int http_split_target(const char *target, char ret_host[HTTP_HOST_LEN], const char **ret_path)
{
	static const char scheme[] = "http://";
	const char *host = target + strlen(scheme);
	size_t length;

	if (target[0] == '/') {
		ret_host[0] = '\0';
		*ret_path = target;
		return 0;
	}
	if (strncasecmp(target, scheme, strlen(scheme)))
		return -EINVAL;
	length = strcspn(host, "/");
	if (!length || length >= HTTP_HOST_LEN)
		return -EINVAL;
	memcpy(ret_host, host, length);
	ret_host[length] = '\0';
	*ret_path = host[length] ? host + length : "/";
	return 0;
}
