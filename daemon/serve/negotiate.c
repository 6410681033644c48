// SPDX-License-Identifier: GPL-2.0
#include "negotiate.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../util/cleanup.h"

/*
 * The quality that a header gives to a thing: that of the most specific of the
 * names that match it (by falling specificity, NULL-terminated), or -1.
 */
static double quality(const char *header, const char *const *names, size_t *ret_name)
{
	_cleanup_free_ char *copy = header ? strdup(header) : NULL;
	char *state = NULL;
	size_t found = SIZE_MAX;
	double best = -1;

	for (char *range = copy ? strtok_r(copy, ",", &state) : NULL; range;
	     range = strtok_r(NULL, ",", &state)) {
		char *parameters = NULL, *type = strtok_r(range, "; \t", &parameters), *p;
		double q = 1;

		while ((p = strtok_r(NULL, "; \t", &parameters)))
			if (!strncasecmp(p, "q=", 2))
				q = strtod(p + 2, NULL);
		if (!(q >= 0 && q <= 1))
			q = 0;
		for (size_t i = 0; type && names[i] && i <= found; i++) {
			if (strcasecmp(type, names[i]) || (i == found && q <= best))
				continue;
			found = i;
			best = q;
		}
	}
	*ret_name = found;
	return best;
}

enum text_format http_negotiate(const char *accept)
{
	static const char *const text[] = {"text/plain", "text/*", "*/*", NULL};
	static const char *const openmetrics[] = {"application/openmetrics-text", "application/*",
						  "*/*", NULL};
	size_t by_text, by_openmetrics;
	double q_text = quality(accept, text, &by_text);
	double q_openmetrics = quality(accept, openmetrics, &by_openmetrics);

	/* Equally welcome: the newer one for who knows its name, else the older one. */
	if (q_openmetrics > 0 &&
	    (q_openmetrics > q_text || (q_openmetrics == q_text && by_openmetrics == 0)))
		return TEXT_OPENMETRICS;
	return TEXT_PROMETHEUS;
}

bool http_wants_gzip(const char *accept_encoding)
{
	static const char *const gzip[] = {"gzip", "x-gzip", "*", NULL};
	static const char *const identity[] = {"identity", NULL};
	size_t by;
	double q = quality(accept_encoding, gzip, &by);

	return q > 0 && q >= quality(accept_encoding, identity, &by);
}

bool http_host_allowed(const char *host, const char *hostname, char *const *allowed)
{
	struct in6_addr address;
	char name[256];
	size_t length;

	if (!host)
		return true;
	if (host[0] == '[') {
		length = strcspn(++host, "]");
		if (host[length] != ']' || (host[length + 1] && host[length + 1] != ':'))
			return false;
	} else {
		length = strcspn(host, ":");
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
