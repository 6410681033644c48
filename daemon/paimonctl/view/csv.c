// SPDX-License-Identifier: GPL-2.0
/* Tables as CSV (RFC 4180): a line for each row. Names of columns are those of the JSON. */
#include <json-c/json.h>
#include <math.h>
#include <string.h>

#include "../../util/cleanup.h"
#include "../json.h"
#include "table.h"

/* Puts quotes around a text that needs them. */
static void put_text(const char *text, FILE *out)
{
	if (!text[strcspn(text, ",\"\r\n")]) {
		fputs(text, out);
		return;
	}
	fputc('"', out);
	for (; *text; text++)
		fprintf(out, *text == '"' ? "\"\"" : "%c", *text);
	fputc('"', out);
}

void table_csv_heading(const struct view *view, FILE *out)
{
	fputs("timestamp_seconds,interval_seconds,input,name", out);
	for (size_t i = 0; i < view->nr_texts; i++)
		fprintf(out, ",%s", view->texts[i].json);
	if (view->has_cpus)
		fputs(",cpu", out);
	for (size_t i = 0; i < view->nr_columns; i++) {
		const struct column *column = &view->columns[i];

		fprintf(out, ",%s%s%s", column->group_json ?: "", column->group_json ? "_" : "",
			column->json);
	}
	fputc('\n', out);
}

static void put_row(const struct table *table, const struct row *row, FILE *out)
{
	const struct view *view = table->view;
	_cleanup_free_ char *name = row_name(row);
	char number[32];

	put_text(name ?: "", out);
	for (size_t i = 0; i < view->nr_texts; i++) {
		fputc(',', out);
		put_text(row->texts[i] ?: "", out);
	}
	if (view->has_cpus) {
		fputc(',', out);
		if (row->cpu >= 0)
			fprintf(out, "%d", row->cpu);
	}
	for (size_t i = 0; i < view->nr_columns; i++)
		fprintf(out, ",%s", row_number(row->values[i], number) ? number : "");
	fputc('\n', out);
}

void table_csv(const struct table *table, struct json_object *now, FILE *out)
{
	for (size_t i = 0; i < table->nr_rows; i++) {
		fprintf(out, "%.3f,%.9g,%s,", json_number(now, "realtime_ns", 0) / 1e9,
			table->seconds, json_text(now, "input", ""));
		put_row(table, &table->rows[i], out);
	}
}
