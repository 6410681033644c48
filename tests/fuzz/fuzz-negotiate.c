// SPDX-License-Identifier: GPL-2.0
/*
 * Headers of any content: an Accept, an Accept-Encoding and a Host or target, split at
 * newlines. What is not the machine's own name never passes as a Host.
 */
#include <string.h>
#include <strings.h>

#include "fuzz.h"
#include "serve/negotiate.h"

const struct seed fuzz_seeds[] = {
	SEED("application/openmetrics-text;version=1.0.0;q=0.9,text/plain;q=0.5,*/*;q=0.1\n"
	     "gzip;q=1.0, identity;q=0.5, *;q=0\nlocalhost:10190"),
	SEED("text/*, application/*;q=0\nx-gzip\n[::1]:10190"),
	SEED("*/*\n*\n127.0.0.1:1"),
	SEED(";;;,,,q=nan\ndeflate;q=1e999\nMachine:80"),
	SEED("text/plain;q=0\nidentity;q=0\nmon.example"),
	SEED("\n\n[fe80::1%lo]:1"),
	SEED("text/plain;version=\"1.0.0\";escaping=dots;q=.5,a/b;c=\"d,\\\"e\"\n\nhttp://[::1]:1/x"),
	SEED("application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"
	     "encoding=delimited;escaping=underscores;q=0.6,*/*;q=0.1\ngzip\nlocalhost"),
	SEED("application/openmetrics-text; version=2.0.0 ; q=1\n\nhttp://localhost"),
	{},
};

/* Numbers of addresses alone, or one of the names, and perhaps a port behind it. */
static bool may_pass(const char *host)
{
	static const char *const names[] = {"localhost", "machine", "mon.example"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		size_t length = strlen(names[i]);

		if (!strncasecmp(host, names[i], length) && (!host[length] || host[length] == ':'))
			return true;
		if (host[0] == '[' && !strncasecmp(host + 1, names[i], length) &&
		    host[length + 1] == ']')
			return true;
	}
	if (host[0] == '[')
		return host[strspn(host + 1, "0123456789abcdefABCDEF:.") + 1] == ']';
	return host[strspn(host, "0123456789.")] == ':' || !host[strspn(host, "0123456789.")];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char mon[] = "mon.example";
	char *const allowed[] = {mon, NULL};
	char *copy = strndup((const char *)data, size), *rest = copy, *accept, *encoding;
	char type[HTTP_FORM_TYPE_LEN], named[HTTP_HOST_LEN];
	struct http_form form;
	const char *path;

	must(copy);
	accept = strsep(&rest, "\n");
	encoding = strsep(&rest, "\n");
	form = http_negotiate(accept);
	http_form_type(&form, type);
	must(!strncmp(type, form.encoder->content_type, strlen(form.encoder->content_type)) &&
	     strlen(type) < HTTP_FORM_TYPE_LEN - 1);
	/* Who does not name protobuf, its message and its framing does not get it. */
	must(!form.encoder->message ||
	     (strcasestr(accept, form.encoder->media) && strstr(accept, form.encoder->message) &&
	      strstr(accept, form.encoder->framing)));
	must(!form.escaping || strstr(accept, form.escaping));
	if (encoding && http_wants_gzip(encoding))
		must(strcasestr(encoding, "gzip") || strchr(encoding, '*'));
	if (rest && http_host_allowed(rest, "machine", allowed))
		must(may_pass(rest));
	if (rest && !http_split_target(rest, named, &path)) {
		must(path[0] == '/' && strlen(named) < sizeof(named));
		must(named[0] ? !strchr(named, '/') : path == rest);
	}
	free(copy);
	return 0;
}
