// SPDX-License-Identifier: GPL-2.0
/* Negotiation of the form of an answer, and Host headers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "serve/negotiate.h"

#define TEXT_PROMETHEUS_TYPE "text/plain; version=0.0.4; charset=utf-8"
#define TEXT_1_TYPE "text/plain; version=1.0.0; charset=utf-8"
#define TEXT_OPENMETRICS_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"
#define PROTOBUF_TYPE \
	"application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
#define PROTOBUF_RANGE \
	"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
#define OPENMETRICS_0_TYPE "application/openmetrics-text; version=0.0.1; charset=utf-8"

/* What is asked for, by clients that there are and by others, and what comes. */
static void test_negotiate(void **state)
{
	static const struct {
		const char *accept, *type;
	} table[] = {
		{NULL, TEXT_PROMETHEUS_TYPE},
		{"", TEXT_PROMETHEUS_TYPE},
		/* curl */
		{"*/*", TEXT_PROMETHEUS_TYPE},
		{"text/plain", TEXT_PROMETHEUS_TYPE},
		{"application/openmetrics-text", TEXT_OPENMETRICS_TYPE},
		/* Prometheus until 2.33 */
		{"application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5,"
		 "*/*;q=0.1",
		 OPENMETRICS_0_TYPE},
		/* 2.34 to 2.48 */
		{"application/openmetrics-text;version=1.0.0,application/openmetrics-text;"
		 "version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
		 TEXT_OPENMETRICS_TYPE},
		/* 2.40 to 2.48 with native histograms */
		{PROTOBUF_RANGE ",application/openmetrics-text;version=1.0.0;q=0.8,"
				"application/openmetrics-text;version=0.0.1;q=0.75,"
				"text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
		 PROTOBUF_TYPE},
		/* 2.49 to 2.55, and with native histograms or start timestamps */
		{"application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;"
		 "version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
		 TEXT_OPENMETRICS_TYPE},
		{PROTOBUF_RANGE ";q=0.5,application/openmetrics-text;version=1.0.0;q=0.4,"
				"application/openmetrics-text;version=0.0.1;q=0.3,"
				"text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
		 PROTOBUF_TYPE},
		/* 2.5x with utf8-names */
		{"application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
		 "application/openmetrics-text;version=0.0.1;escaping=allow-utf-8;q=0.4,"
		 "text/plain;version=0.0.4;escaping=allow-utf-8;q=0.3,*/*;q=0.2",
		 TEXT_OPENMETRICS_TYPE "; escaping=allow-utf-8"},
		{PROTOBUF_RANGE ";escaping=allow-utf-8;q=0.5,application/openmetrics-text;"
				"version=1.0.0;escaping=allow-utf-8;q=0.4,"
				"application/openmetrics-text;version=0.0.1;"
				"escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;"
				"escaping=allow-utf-8;q=0.2,*/*;q=0.1",
		 PROTOBUF_TYPE "; escaping=allow-utf-8"},
		/* 3.0 to 3.3, which names the escaping of each format */
		{"application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
		 "application/openmetrics-text;version=0.0.1;escaping=allow-utf-8;q=0.5,"
		 "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
		 "text/plain;version=0.0.4;escaping=allow-utf-8;q=0.3,*/*;q=0.2",
		 TEXT_OPENMETRICS_TYPE "; escaping=allow-utf-8"},
		{PROTOBUF_RANGE ";escaping=allow-utf-8;q=0.6,application/openmetrics-text;"
				"version=1.0.0;escaping=allow-utf-8;q=0.5,"
				"application/openmetrics-text;version=0.0.1;"
				"escaping=allow-utf-8;q=0.4,text/plain;version=1.0.0;"
				"escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;"
				"escaping=allow-utf-8;q=0.2,*/*;q=0.1",
		 PROTOBUF_TYPE "; escaping=allow-utf-8"},
		/* 3.4 to 3.14, and the collector of OpenTelemetry, which has its scraper: names of
		 * any kind, then of the old one; the same with native histograms or start
		 * timestamps; and where the configuration asks for text */
		{"application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
		 "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;"
		 "escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
		 TEXT_OPENMETRICS_TYPE "; escaping=allow-utf-8"},
		{"application/openmetrics-text;version=1.0.0;escaping=underscores;q=0.6,"
		 "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;"
		 "escaping=underscores;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
		 TEXT_OPENMETRICS_TYPE "; escaping=underscores"},
		{PROTOBUF_RANGE ";q=0.6,application/openmetrics-text;version=1.0.0;"
				"escaping=allow-utf-8;q=0.5,application/openmetrics-text;"
				"version=0.0.1;q=0.4,text/plain;version=1.0.0;"
				"escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,"
				"*/*;q=0.1",
		 PROTOBUF_TYPE},
		{"text/plain;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;"
		 "q=0.5,*/*;q=0.4",
		 TEXT_1_TYPE "; escaping=allow-utf-8"},
		{"text/plain;version=0.0.4;q=0.5,*/*;q=0.4", TEXT_PROMETHEUS_TYPE},
		/* vmagent, telegraf, Datadog's agent */
		{"text/plain;version=0.0.4;q=1,*/*;q=0.1", TEXT_PROMETHEUS_TYPE},
		{PROTOBUF_RANGE ";q=0.7,text/plain;version=0.0.4;q=0.3", PROTOBUF_TYPE},
		{"application/openmetrics-text;version=1.0.0,application/openmetrics-text;"
		 "version=0.0.1",
		 TEXT_OPENMETRICS_TYPE},
		/* a browser */
		{"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
		 TEXT_PROMETHEUS_TYPE},

		/* Only what was asked for; of what there is not nothing is made. */
		{"application/openmetrics-text;version=2.0.0;q=0.9,text/plain;version=0.0.4;q=0.5",
		 TEXT_PROMETHEUS_TYPE},
		{"application/openmetrics-text;version=2.0.0", TEXT_PROMETHEUS_TYPE},
		{"application/openmetrics-text;version=2.0.0,application/openmetrics-text;"
		 "version=1.0.0;q=0.1",
		 TEXT_OPENMETRICS_TYPE},
		{"application/openmetrics-text;version=1.0", TEXT_PROMETHEUS_TYPE},
		{"text/plain;version=1.0.0", TEXT_1_TYPE},
		{"text/plain;version=1.0.0, text/plain;version=0.0.4", TEXT_1_TYPE},
		{"text/plain;version=0.0.4, text/plain;version=1.0.0;q=0.9", TEXT_PROMETHEUS_TYPE},
		{"text/plain;version=2.0.0, application/openmetrics-text;q=0.1",
		 TEXT_OPENMETRICS_TYPE},
		/* Of protobuf, the one message in the one framing, and never by an asterisk. */
		{PROTOBUF_RANGE, PROTOBUF_TYPE},
		{"Application/Vnd.Google.Protobuf; encoding=\"delimited\"; "
		 "Proto=\"io.prometheus.client.MetricFamily\"",
		 PROTOBUF_TYPE},
		{"application/vnd.google.protobuf", TEXT_PROMETHEUS_TYPE},
		{"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily",
		 TEXT_PROMETHEUS_TYPE},
		{"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"
		 "encoding=compact-text",
		 TEXT_PROMETHEUS_TYPE},
		{"application/vnd.google.protobuf;proto=io.prometheus.client.Metric;"
		 "encoding=delimited",
		 TEXT_PROMETHEUS_TYPE},
		{PROTOBUF_RANGE ";q=0, */*", TEXT_PROMETHEUS_TYPE},
		{PROTOBUF_RANGE ", application/openmetrics-text", PROTOBUF_TYPE},
		{"text/plain;q=0.9, application/openmetrics-text;q=0.8", TEXT_PROMETHEUS_TYPE},
		{"application/openmetrics-text;q=0", TEXT_PROMETHEUS_TYPE},

		/* The schemes that there are, of the range that is answered; others are no scheme.
		 */
		{"text/plain;version=1.0.0;escaping=dots", TEXT_1_TYPE "; escaping=dots"},
		{"text/plain;escaping=values;version=0.0.4",
		 TEXT_PROMETHEUS_TYPE "; escaping=values"},
		{"text/plain;version=1.0.0;escaping=no-such", TEXT_1_TYPE},
		{"text/plain;version=1.0.0;escaping=dots\r\nX: y", TEXT_1_TYPE},
		{"text/plain;version=0.0.4, application/json;escaping=dots", TEXT_PROMETHEUS_TYPE},
		{"text/plain;q=0;escaping=dots", TEXT_PROMETHEUS_TYPE},

		/* Grammar: blanks, case, quotes, and what is none. */
		{"  Application/OpenMetrics-Text ; Version=\"1.0.0\" ; Q=1 ",
		 TEXT_OPENMETRICS_TYPE},
		{"a/b;c=\"text/plain;version=1.0.0,d\", application/openmetrics-text",
		 TEXT_OPENMETRICS_TYPE},
		{"a/b;c=\"\\\",application/openmetrics-text,\"", TEXT_PROMETHEUS_TYPE},
		{"a/b;c=\", application/openmetrics-text", TEXT_PROMETHEUS_TYPE},
		{"text/plain;charset=utf-8", TEXT_PROMETHEUS_TYPE},
		{"text/plain;versions=9", TEXT_PROMETHEUS_TYPE},
		{";;;,,,q=", TEXT_PROMETHEUS_TYPE},
		{"application/openmetrics-text;q=nan, text/plain;q=0.1", TEXT_PROMETHEUS_TYPE},
		{"application/openmetrics-text;q=7, text/plain;q=0.1", TEXT_PROMETHEUS_TYPE},

		/* A wildcard is for those that nothing more specific names. */
		{"text/*", TEXT_PROMETHEUS_TYPE},
		{"text/*, application/openmetrics-text;q=0.5", TEXT_PROMETHEUS_TYPE},
		{"*/*, application/openmetrics-text;q=0.5", TEXT_PROMETHEUS_TYPE},
		{"*/*;q=0.1, application/openmetrics-text;q=0.5", TEXT_OPENMETRICS_TYPE},
		{"*/*, application/openmetrics-text", TEXT_OPENMETRICS_TYPE},
		{"application/*", TEXT_OPENMETRICS_TYPE},
		{"text/plain;q=0, */*", TEXT_OPENMETRICS_TYPE},
		{"text/plain;q=0.2, text/*, application/openmetrics-text;q=0.5",
		 TEXT_OPENMETRICS_TYPE},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct http_form form = http_negotiate(table[i].accept);
		char type[HTTP_FORM_TYPE_LEN];

		http_form_type(&form, type);
		if (strcmp(type, table[i].type))
			fail_msg("Accept %s: got %s, expected %s", table[i].accept, type,
				 table[i].type);
	}
}

static void test_gzip_wanted(void **state)
{
	static const struct {
		const char *accept;
		bool gzip;
	} table[] = {
		{NULL, false},
		{"", false},
		{"gzip", true},
		{"GZIP;q=0.1", true},
		{"deflate, gzip;q=1.0, *;q=0.5", true},
		{"gzip;q=0", false},
		{"gzip;q=0, *", false},
		{"*", true},
		{"*;q=0", false},
		{"identity", false},
		{"identity, gzip;q=0.5", false},
		{"identity;q=0.5, gzip", true},
		{"gzipx", false},
		{"br, x-gzip", true},
		{"gzip;q=-1", false},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		if (http_wants_gzip(table[i].accept) != table[i].gzip)
			fail_msg("Accept-Encoding %s: expected %d", table[i].accept, table[i].gzip);
}

static void test_host(void **state)
{
	static char allowed_host[] = "mon.example";
	char *const allowed[] = {allowed_host, NULL};
	static const struct {
		const char *host;
		bool ok;
	} table[] = {
		{NULL, true},
		{"127.0.0.1", true},
		{"127.0.0.1:10190", true},
		{"[::1]:10190", true},
		{"[::1]", true},
		{"localhost:1", true},
		{"LocalHost", true},
		{"machine:10190", true},
		{"mon.example:1", true},
		{"evil.example", false},
		{"mon.example.evil", false},
		{"", false},
		{":80", false},
		{"[::1", false},
		{"[evil]", false},
		{"[::1]x", false},
		{"127.0.0.1.evil", false},
		{"127.0.0.1:", true},
		{"127.0.0.1:80x", false},
		{"localhost:evil.example", false},
		{"[::1]:x", false},
		{"evil@127.0.0.1", false},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		if (http_host_allowed(table[i].host, "machine", allowed) != table[i].ok)
			fail_msg("Host %s: expected %d", table[i].host, table[i].ok);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_negotiate),
		cmocka_unit_test(test_gzip_wanted),
		cmocka_unit_test(test_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
