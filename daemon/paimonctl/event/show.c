// SPDX-License-Identifier: GPL-2.0
/* Shows an event of /v1/events as text: as a line of a list, or in full. */
#include "show.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <math.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../util/cpulist.h"
#include "../command.h"
#include "../escape.h"
#include "../json.h"
#include "../view/format.h"

/* The count of an event. */
struct reading {
	uint64_t value;
	double enabled, running; /* seconds */
	bool multiplexed;
	double scaled; /* extrapolated to all of the enabled time; NAN if it never ran */
};

static struct reading take_reading(struct json_object *event)
{
	struct reading reading = {
		.value = json_object_get_uint64(json_object_object_get(event, "value")),
		.enabled = json_number(event, "enabled_seconds", 0),
		.running = json_number(event, "running_seconds", 0),
	};

	reading.multiplexed = reading.running < reading.enabled;
	reading.scaled = (double)reading.value;
	if (reading.multiplexed)
		reading.scaled *= reading.enabled / reading.running;
	return reading;
}

/* In the event's unit, if it has one. */
static void format_count(struct json_object *event, const struct reading *reading, bool scaled,
			 char ret_text[48])
{
	const char *scale = json_text(event, "scale", "");
	double value = scaled ? reading->scaled : (double)reading->value;

	if (*scale)
		snprintf(ret_text, 48, "%.9g", value * strtod(scale, NULL));
	else if (scaled && reading->multiplexed)
		snprintf(ret_text, 48, "%.0f", value);
	else
		snprintf(ret_text, 48, "%" PRIu64, reading->value);
}

/* The values of a level by CPU, or NULL if the event is a count. */
static struct json_object *levels_of(struct json_object *event)
{
	struct json_object *levels = json_object_object_get(event, "levels");

	return json_object_is_type(levels, json_type_array) ? levels : NULL;
}

/* One of these values, in the event's unit. */
static double level_at(struct json_object *event, size_t i)
{
	const char *scale = json_text(event, "scale", "");
	double value = json_number(json_at(levels_of(event), i), "value", 0);

	return *scale ? value * strtod(scale, NULL) : value;
}

/* The range of these values: the lowest to the highest. */
static void format_levels(struct json_object *event, char ret_text[48])
{
	size_t nr = json_length(levels_of(event));
	double low = INFINITY, high = -INFINITY;

	for (size_t i = 0; i < nr; i++) {
		low = fmin(low, level_at(event, i));
		high = fmax(high, level_at(event, i));
	}
	if (!nr)
		strcpy(ret_text, "-");
	else if (low < high)
		snprintf(ret_text, 48, "%.9g..%.9g", low, high);
	else
		snprintf(ret_text, 48, "%.9g", low);
}

static char *format_cpus(struct json_object *event)
{
	struct json_object *array = json_object_object_get(event, "cpus");
	size_t nr = json_length(array);
	unsigned int *cpus = calloc(nr + 1, sizeof(*cpus));
	char *text;

	for (size_t i = 0; cpus && i < nr; i++)
		cpus[i] = (unsigned int)json_object_get_int(json_at(array, i));
	text = cpus ? cpulist_format(cpus, nr) : NULL;
	free(cpus);
	return text;
}

/* The owner of the event. */
static char *format_who(struct json_object *event)
{
	uid_t uid = (uid_t)json_object_get_int64(json_object_object_get(event, "uid"));
	const char *comm = json_text(event, "comm", "");
	const char *origin = json_text(event, "origin", "?");
	struct passwd *user = getpwuid(uid);
	char number[24], *text;

	snprintf(number, sizeof(number), "uid %u", uid);
	if (!strcmp(origin, "configuration"))
		return strdup(origin);
	/* The owner of an event that was handed over is the only one, besides root, who gets its
	 * descriptors. */
	return asprintf(&text, "%s, %s[%.0f]", user ? user->pw_name : number, *comm ? comm : "?",
			json_number(event, "pid", 0)) < 0
		       ? NULL
		       : text;
}

int event_complete(struct json_object *event)
{
	struct reading reading = take_reading(event);
	int r = json_add(event, "multiplexed", json_object_new_boolean(reading.multiplexed));

	if (levels_of(event) || (reading.multiplexed && !(reading.running > 0)))
		r = r ?: json_add_text(event, "scaled_value", NULL);
	else if (reading.multiplexed)
		r = r ?: json_add(event, "scaled_value", json_object_new_double(reading.scaled));
	else
		r = r ?: json_add(event, "scaled_value", json_object_new_uint64(reading.value));
	return r ?: json_add_text(event, "comm", json_text(event, "comm", ""));
}

/* event list */

enum { ID, NAME, SPEC, CPUS, STATE, SET, BY, VALUE, UNIT, WHO, NR_CELLS };

struct line {
	char *cells[NR_CELLS]; /* escaped */
};

static void clear_lines(struct line *lines, size_t nr)
{
	for (size_t i = 0; lines && i < nr; i++)
		for (size_t c = 0; c < NR_CELLS; c++)
			free(lines[i].cells[c]);
	free(lines);
}

static void fill_line(struct json_object *event, struct line *line)
{
	struct reading reading = take_reading(event);
	char *cpus = format_cpus(event), *who = format_who(event);
	char id[24], value[49] = "~";

	snprintf(id, sizeof(id), "%" PRIu64, json_whole(event, "id"));
	if (levels_of(event))
		format_levels(event, value);
	else if (reading.multiplexed && !(reading.running > 0))
		strcpy(value, "-");
	else
		format_count(event, &reading, true, value + reading.multiplexed);
	line->cells[ID] = strdup(id);
	line->cells[NAME] = escape_terminal(json_text(event, "name", "?"));
	line->cells[SPEC] = escape_terminal(json_text(event, "spec", "?"));
	line->cells[CPUS] = cpus;
	line->cells[STATE] = escape_terminal(json_text(event, "state", "?"));
	line->cells[SET] = escape_terminal(json_text(event, "set", "?"));
	line->cells[BY] = escape_terminal(json_text(event, "by", "?"));
	line->cells[VALUE] = strdup(value);
	line->cells[UNIT] = escape_terminal(json_text(event, "unit", ""));
	line->cells[WHO] = escape_terminal(who ?: "?");
	free(who);
}

static void print_lines(const struct line *lines, size_t nr)
{
	int widths[NR_CELLS] = {};

	for (size_t i = 0; i < nr; i++)
		for (size_t c = 0; c < NR_CELLS; c++) {
			int width = escape_width(lines[i].cells[c] ?: "");

			widths[c] = width > widths[c] ? width : widths[c];
		}
	for (size_t i = 0; i < nr; i++)
		for (size_t c = 0; c < NR_CELLS; c++) {
			const char *cell = lines[i].cells[c] ?: "";
			int pad = widths[c] - escape_width(cell);

			if (c == WHO)
				show("%s\n", cell);
			else if (c == ID || c == VALUE)
				show("%*s%s  ", pad, "", cell);
			else
				show("%s%*s%s", cell, pad, "", widths[c] ? "  " : "");
		}
}

int event_print_list(struct json_object *list)
{
	static const char *const titles[NR_CELLS] = {"ID",  "NAME", "SPEC",  "CPUS", "STATE",
						     "SET", "BY",   "VALUE", "UNIT", "WHO"};
	size_t nr = json_length(list);
	struct line *lines = calloc(nr + 1, sizeof(*lines));

	if (!lines)
		return complain("%s", strerror(ENOMEM));
	for (size_t c = 0; c < NR_CELLS; c++)
		lines[0].cells[c] = strdup(titles[c]);
	for (size_t i = 0; i < nr; i++)
		fill_line(json_at(list, i), &lines[i + 1]);
	print_lines(lines, nr + 1);
	clear_lines(lines, nr + 1);
	return EXIT_DONE;
}

/* event read */

static void print_text_line(const char *title, const char *text)
{
	show("%-8s  %s\n", title, text ?: "?");
}

/* For counts that are rarely above 0. */
static void print_unless_0(const char *title, struct json_object *event, const char *key)
{
	double count = json_number(event, key, 0);

	if (count > 0)
		show("%-8s  %.0f\n", title, count);
}

static void print_levels(struct json_object *event, const char *unit)
{
	for (size_t i = 0; i < json_length(levels_of(event)); i++) {
		struct json_object *level = json_at(levels_of(event), i);

		show("level     %.9g%s%s on CPU %.0f\n", level_at(event, i), *unit ? " " : "", unit,
		     json_number(level, "cpu", 0));
	}
}

static void print_count(struct json_object *event, const struct reading *reading, const char *unit)
{
	const char *scale = json_text(event, "scale", "");
	char text[48];

	show("value     %" PRIu64, reading->value);
	if (*scale && !reading->multiplexed) {
		format_count(event, reading, false, text);
		show(", which is %s %s", text, unit);
	}
	if (reading->multiplexed && reading->running > 0) {
		format_count(event, reading, true, text);
		show(", multiplexed: about %s%s%s if scaled to the enabled time", text,
		     *unit ? " " : "", unit);
	} else if (reading->multiplexed) {
		show(", no counter has been free for it yet");
	}
	show("\n");
}

static void print_value(struct json_object *event)
{
	struct reading reading = take_reading(event);
	const char *unit = json_text(event, "unit", "");

	if (levels_of(event))
		print_levels(event, unit);
	else
		print_count(event, &reading, unit);
	show("enabled   %.6f s\n", reading.enabled);
	show("running   %.6f s", reading.running);
	if (reading.multiplexed)
		show(", %.1f %%", 100 * reading.running / reading.enabled);
	show("\n");
}

void event_print(struct json_object *event)
{
	char *cpus = format_cpus(event), *who = format_who(event), since[32];

	show("event     %" PRIu64 "\n", json_whole(event, "id"));
	print_text_line("name", json_text(event, "name", "?"));
	print_text_line("spec", json_text(event, "spec", "?"));
	print_text_line("CPUs", cpus);
	print_text_line("state", json_text(event, "state", "?"));
	print_text_line("set", json_text(event, "set", "?"));
	print_text_line("by", json_text(event, "by", "?"));
	print_value(event);
	format_time(json_number(event, "opened_timestamp_seconds", 0), "%F %T", since);
	print_text_line("opened", since);
	print_text_line("owner", who);
	print_unless_0("resets", event, "resets");
	print_unless_0("changes", event, "changes");
	print_unless_0("reopened", event, "reopened");
	free(cpus);
	free(who);
}
