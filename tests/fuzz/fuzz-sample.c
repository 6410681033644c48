// SPDX-License-Identifier: GPL-2.0
/*
 * What paimonctl makes of two answers of /v1/snapshot, split at the first NUL,
 * whatever they hold: a table as text and as JSON.
 */
#include <ctype.h>
#include <json-c/json.h>
#include <string.h>

#include "fuzz.h"
#include "view/table.h"

#define METRIC(name, points) "{\"name\":\"" name "\",\"points\":[" points "]}"
#define DEVICE "\"labels\":{\"device\":\"d\"}"
#define SAMPLE(ns, value, cells)                                                                                                         \
	"{\"realtime_ns\":" ns ",\"monotonic_ns\":" ns                                                                                   \
	",\"input\":null,\"metrics\":[" METRIC("paimon_source_up", "{\"labels\":{\"source\":\"iopf\"},\"value\":1}") "," METRIC(         \
		"paimon_source_info",                                                                                                    \
		"{\"labels\":{\"source\":\"iopf\",\"backend\":\"b\"}}") "," METRIC("paimon_iopf_requests_total",                         \
										   "{" DEVICE                                            \
										   ",\"value\":" value                                   \
										   "}") "," METRIC("paimon_iopf_group_duration_seconds", \
												   "{" DEVICE                            \
												   ",\"cells\":[" cells                  \
												   "]}") "]}"

#define EVENT(values) "{\"labels\":{\"name\":\"e\",\"id\":\"1\"" values "}"
#define EVENTS(value, enabled, running)                                                                                                    \
	"{\"monotonic_ns\":" value                                                                                                         \
	",\"metrics\":[" METRIC("paimon_event_info", EVENT(",\"spec\":\"s\",\"unit\":\"u\",\"scale\":\"1e300\"},\"value\":1")) "," METRIC( \
		"paimon_event_value_total",                                                                                                \
		EVENT("},\"value\":" value)) "," METRIC("paimon_event_enabled_seconds_total",                                              \
							EVENT("},\"value\":" enabled)) "," METRIC("paimon_event_running_seconds_total",    \
												  EVENT("},\"value\":" running)) "]}"

const struct seed fuzz_seeds[] = {
	SEED(SAMPLE("1000000000", "1", "[1e-06,1]") "\0" SAMPLE("2000000000", "5",
								"[1e-06,1],[0.5,3],[null,2]")),
	SEED(SAMPLE("1000000000", "7", "[1e-06,9],[1,1]") "\0" SAMPLE("1500000000", "5", "[1,1]")),
	SEED(EVENTS("1", "1e-3", "0.5") "\0" EVENTS("9000000000", "2", "7")),
	SEED("{\"metrics\":[{\"name\":1,\"points\":{}},[],null]}\0{\"metrics\":{}}"),
	SEED(SAMPLE("-1", "-5", "[],1,[[]]") "\0" SAMPLE("1e300", "18446744073709551615",
							 "[NaN,1],[\"x\",\"y\"]")),
	{},
};

/* Text and JSON; takes the table. */
static void show(struct table *table, struct json_object *now, FILE *out)
{
	struct json_object *frame;
	size_t end;

	for (int column = -1; column < (int)table->view->nr_columns; column++)
		table_sort(table, (struct order){column, column & 1});
	table_title(table, now, 0, NULL, out);
	for (size_t first = 0; first < table->view->nr_columns; first = end) {
		end = table_band_end(table, first, 100);
		must(end > first && end <= table->view->nr_columns);
		table_headings(table, first, end, out);
		for (size_t i = 0; i < table->nr_rows; i++)
			table_row(table, &table->rows[i], first, end, out);
	}
	frame = table_json(table, now);
	must(frame && json_object_to_json_string(frame));
	json_object_put(frame);
	table_clear(table);
}

/* Nothing of the text is what a terminal would take for a command. */
static void check(struct json_object *before, struct json_object *now)
{
	struct table table;
	size_t size;
	char *text;
	FILE *out = open_memstream(&text, &size);

	must(out && !table_compute(&view_iopf, before, now, NULL, &table));
	show(&table, now, out);
	must(!table_compute(&view_events, before, now, NULL, &table));
	show(&table, now, out);
	must(!table_compute(&view_stat, before, now, NULL, &table));
	show(&table, now, out);
	must(!fclose(out));
	for (size_t i = 0; i < size; i++)
		must(text[i] == '\n' || isprint((unsigned char)text[i]));
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	size_t length = strlen(text);
	char *second = length < size ? strndup((const char *)data + length + 1, size - length - 1)
				     : strdup("");
	struct json_object *before = json_tokener_parse(text);
	struct json_object *now = json_tokener_parse(second);

	/* Anything else is no answer of paimond: client.c. */
	if (json_object_is_type(before, json_type_object) &&
	    json_object_is_type(now, json_type_object))
		check(before, now);
	json_object_put(before);
	json_object_put(now);
	free(second);
	free(text);
	return 0;
}
