// SPDX-License-Identifier: GPL-2.0
/*
 * paimonctl list: what can be observed on this machine. Sources, devices, kept events and
 * cgroups come from the daemon; PMUs, their events and the devices that wait for a module from
 * sysfs, even without the daemon. One JSON object is built from all matches; the text is printed
 * from it.
 */
#include <errno.h>
#include <fnmatch.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../util/cleanup.h"
#include "../util/event_set.h"
#include "../util/system_pmu.h"
#include "command.h"
#include "escape.h"
#include "json.h"
#include "pmu.h"
#include "view/cspmu.h"
#include "view/table.h"

/* NULL matches all; a pattern without wildcards matches as a part of the name. */
static bool matches(const char *pattern, const char *name)
{
	if (!pattern)
		return true;
	if (strpbrk(pattern, "*?["))
		return !fnmatch(pattern, name, FNM_CASEFOLD);
	return strcasestr(name, pattern);
}

static int compare_names(const void *a, const void *b)
{
	return strverscmp(json_text(*(struct json_object *const *)a, "name", ""),
			  json_text(*(struct json_object *const *)b, "name", ""));
}

/* The items of a source: the key of the JSON array, where the names come from, and their kind. */
static const struct content {
	const char *source, *key, *metric, *label, *kind;
} contents[] = {
	{"iopf", "devices", "paimon_iopf_requests_total", "device", "device"},
	{"events", "events", "paimon_event_info", "name", "kept"},
	{"pai", "cgroups", "paimon_nnpa_cgroup_events_total", "cgroup", "cgroup"},
	{"cspmu", "pmus", "paimon_cspmu_info", "pmu", "PMU"},
};

/* Of an item; NULL: it is no system PMU. */
static struct json_object *values_of(struct json_object *item)
{
	return json_object_object_get(item, "values");
}

/* NULL: paimonctl does not know the items of this source. */
static const struct content *find_content(const char *source)
{
	for (size_t i = 0; i < sizeof(contents) / sizeof(contents[0]); i++)
		if (!strcmp(source, contents[i].source))
			return &contents[i];
	return NULL;
}

/* Adds the values of a system PMU that its counts have, as top shows them. */
static int add_values(struct json_object *item, const char *name, struct json_object *snapshot,
		      struct json_object *info, const char *pattern)
{
	const struct event_set *set = cspmu_event_set(info);
	struct json_object *values = json_object_new_array(), *value;
	int r = json_add(item, "values", values);

	for (size_t i = 0; set && i < set->nr_formulas && !r; i++) {
		const struct event_set_formula *formula = &set->formulas[i];
		_cleanup_free_ char *of = NULL;

		if (!cspmu_has_value(snapshot, point_label(info, "pmu"), set, formula))
			continue;
		if (asprintf(&of, "%s/%s", name, formula->name) < 0) {
			of = NULL;
			return -ENOMEM;
		}
		if (!matches(pattern, of))
			continue;
		value = json_object_new_object();
		r = json_append(values, value);
		r = r ?: json_add_text(value, "name", of);
		r = r ?: json_add_text(value, "unit", event_set_units[formula->unit]);
		r = r ?: json_add_text(value, "help", formula->help);
	}
	return r;
}

/* The items of a source as SOURCE/NAME; the path of a cgroup begins with a slash. */
static int add_contents(struct json_object *array, struct json_object *snapshot,
			const struct content *content, const char *pattern)
{
	struct json_object *points = sample_points(snapshot, content->metric);
	int r = 0;

	for (size_t i = 0; i < json_length(points) && !r; i++) {
		struct json_object *item, *point = json_at(points, i);
		const char *spec = point_label(point, "spec");
		const char *label = point_label(point, content->label);
		_cleanup_free_ char *name = NULL;

		if (!points_first(points, i, content->label))
			continue;
		if (asprintf(&name, "%s%s%s", content->source, *label == '/' ? "" : "/", label) <
		    0) {
			name = NULL;
			return -ENOMEM;
		}
		item = json_object_new_object();
		r = json_add_text(item, "name", name);
		if (*spec)
			r = r ?: json_add_text(item, "spec", spec);
		if (!strcmp(content->key, "pmus"))
			r = r ?: add_values(item, name, snapshot, point, pattern);
		if (!r && (matches(pattern, name) || json_length(values_of(item))))
			r = json_append(array, json_object_get(item));
		json_object_put(item);
	}
	json_object_array_sort(array, compare_names);
	return r;
}

static int add_source(struct json_object *array, struct json_object *source,
		      struct json_object *snapshot, const char *pattern)
{
	struct json_object *object = json_object_new_object(), *inside = json_object_new_array();
	const char *name = json_text(source, "name", "?");
	const struct content *content = find_content(name);
	int r = json_add_text(object, "name", name);

	r = r ?: json_add_text(object, "state", json_text(source, "state", NULL));
	r = r ?: json_add_text(object, "backend", json_text(source, "backend", NULL));
	r = r ?: json_add_text(object, "reason", json_text(source, "reason", NULL));
	if (content) {
		r = r ?: json_add(object, content->key, json_object_get(inside));
		r = r ?: add_contents(inside, snapshot, content, pattern);
	}
	if (!r && (matches(pattern, name) || json_length(inside)))
		r = json_append(array, json_object_get(object));
	json_object_put(inside);
	json_object_put(object);
	return r;
}

/* Adds a text as it is in sysfs; null if sysfs does not tell. */
static int add_known(struct json_object *object, const char *key, const char *text)
{
	return json_add_text(object, key, *text ? text : NULL);
}

static int add_number(struct json_object *object, const char *key, const char *text)
{
	return *text ? json_add(object, key, json_object_new_int64(strtoll(text, NULL, 10)))
		     : json_add_text(object, key, NULL);
}

/* Adds what sysfs tells of the device behind a system PMU. */
static int add_device(struct json_object *object, const struct system_pmu *pmu)
{
	int r = add_known(object, "identifier", pmu->identifier);

	r = r ?: add_known(object, "driver", pmu->driver);
	r = r ?: add_known(object, "implementer", pmu->implementer);
	r = r ?: add_known(object, "backend", pmu->backend);
	r = r ?: add_known(object, "socket", pmu->socket);
	r = r ?: add_number(object, "counters", pmu->counters);
	return r ?: add_number(object, "counters_used", pmu->counters_used);
}

/* Adds the devices without a PMU. */
static int add_waiting(struct json_object *array, const struct system_pmus *pmus,
		       const char *pattern)
{
	int r = 0;

	for (size_t i = 0; i < pmus->nr && !r; i++) {
		const struct system_pmu *pmu = &pmus->all[i];
		struct json_object *object;

		if (*pmu->name || (!matches(pattern, pmu->device) &&
				   (!*pmu->waits_for || !matches(pattern, pmu->waits_for))))
			continue;
		object = json_object_new_object();
		r = json_append(array, object);
		r = r ?: json_add_text(object, "name", pmu->device);
		r = r ?: add_known(object, "waits_for", pmu->waits_for);
		r = r ?: add_device(object, pmu);
	}
	return r;
}

static const struct system_pmu *find_system(const struct system_pmus *pmus, const char *name)
{
	for (size_t i = 0; i < pmus->nr; i++)
		if (!pmus->all[i].of_cpus && !strcmp(pmus->all[i].name, name))
			return &pmus->all[i];
	return NULL;
}

static int add_pmu(struct json_object *array, const struct pmu *pmu,
		   const struct system_pmu *system, const char *pattern)
{
	struct json_object *object = json_object_new_object(), *events = json_object_new_array();
	int r = json_add_text(object, "name", pmu->name);

	r = r ?: json_add_text(object, "type", pmu->type);
	r = r ?: json_add_text(object, "cpus", pmu->cpus);
	if (system)
		r = r ?: add_device(object, system);
	r = r ?: json_add(object, "events", json_object_get(events));
	for (size_t i = 0; i < pmu->nr_events && !r; i++) {
		struct json_object *item;

		if (!matches(pattern, pmu->events[i].name))
			continue;
		item = json_object_new_object();
		r = json_append(events, item);
		r = r ?: json_add_text(item, "name", pmu->events[i].name);
		r = r ?: json_add_text(item, "config", pmu->events[i].config);
		r = r ?: json_add_text(item, "scale", pmu->events[i].scale);
		r = r ?: json_add_text(item, "unit", pmu->events[i].unit);
	}
	if (!r && (matches(pattern, pmu->name) || json_length(events)))
		r = json_append(array, json_object_get(object));
	json_object_put(events);
	json_object_put(object);
	return r;
}

static struct json_object *list_all(struct json_object *status, struct json_object *snapshot,
				    const struct pmu *pmus, size_t nr_pmus,
				    const struct system_pmus *system, const char *pattern)
{
	struct json_object *known = json_object_object_get(status, "sources");
	struct json_object *object = json_object_new_object();
	struct json_object *sources = json_object_new_array(), *array = json_object_new_array();
	struct json_object *waiting = json_object_new_array();
	int r = json_add(object, "pmus", array);

	r = r ?: json_add(object, "devices", waiting);
	if (!r)
		r = status ? json_add(object, "sources", json_object_get(sources))
			   : json_add_text(object, "sources", NULL);
	for (size_t i = 0; i < json_length(known) && !r; i++)
		r = add_source(sources, json_at(known, i), snapshot, pattern);
	for (size_t i = 0; i < nr_pmus && !r; i++)
		r = add_pmu(array, &pmus[i], find_system(system, pmus[i].name), pattern);
	r = r ?: add_waiting(waiting, system, pattern);
	json_object_put(sources);
	if (!r)
		return object;
	json_object_put(object);
	return NULL;
}

static size_t print_line(const char *name, const char *kind, const char *detail)
{
	char *shown = escape_terminal(name);
	int width = shown ? escape_width(shown) : 0;

	show("%s%*s  %-6s%s%s\n", name, width < 32 ? 32 - width : 0, "", kind, *detail ? "  " : "",
	     detail);
	free(shown);
	return 1;
}

static size_t print_source(struct json_object *source, const char *pattern)
{
	const char *note = json_text(source, "backend", json_text(source, "reason", NULL));
	const char *name = json_text(source, "name", "?");
	const struct content *content = find_content(name);
	struct json_object *array = content ? json_object_object_get(source, content->key) : NULL;
	char detail[512];
	size_t lines = 0;

	snprintf(detail, sizeof(detail), "%s%s%s", json_text(source, "state", "?"),
		 note ? ", " : "", note ?: "");
	if (matches(pattern, name))
		lines += print_line(name, "source", detail);
	for (size_t i = 0; i < json_length(array); i++) {
		struct json_object *item = json_at(array, i), *values = values_of(item);

		if (matches(pattern, json_text(item, "name", "?")))
			lines += print_line(json_text(item, "name", "?"), content->kind,
					    json_text(item, "spec", ""));
		for (size_t j = 0; j < json_length(values); j++) {
			struct json_object *value = json_at(values, j);

			snprintf(detail, sizeof(detail), "%s: %s", json_text(value, "unit", "?"),
				 json_text(value, "help", ""));
			lines += print_line(json_text(value, "name", "?"), "value", detail);
		}
	}
	return lines;
}

/* Appends to a detail what is known of the device behind a system PMU. */
static void describe_device(struct json_object *object, char *detail, size_t size)
{
	static const struct {
		const char *key, *format;
	} texts[] = {{"implementer", ", implementer %s"},
		     {"backend", ", backend %s"},
		     {"identifier", ", identifier %s"},
		     {"driver", ", driver %s"}};
	struct json_object *used = json_object_object_get(object, "counters_used");
	size_t length = strlen(detail);

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]) && length < size; i++) {
		const char *text = json_text(object, texts[i].key, NULL);

		if (text)
			length += snprintf(detail + length, size - length, texts[i].format, text);
	}
	if (used && length < size)
		snprintf(detail + length, size - length, ", %.0f of %.0f counters used",
			 json_number(object, "counters_used", 0),
			 json_number(object, "counters", 0));
}

static size_t print_waiting(struct json_object *device)
{
	const char *module = json_text(device, "waits_for", NULL);
	char detail[512];

	snprintf(detail, sizeof(detail),
		 module ? "waits for its backend: modprobe %s" : "has no PMU", module);
	describe_device(device, detail, sizeof(detail));
	return print_line(json_text(device, "name", "?"), "device", detail);
}

static size_t print_pmu(struct json_object *pmu, const char *pattern)
{
	struct json_object *events = json_object_object_get(pmu, "events");
	const char *cpus = json_text(pmu, "cpus", NULL), *name = json_text(pmu, "name", "?");
	char detail[512];
	size_t lines = 0;

	snprintf(detail, sizeof(detail), "type %s%s%s", json_text(pmu, "type", "?"),
		 cpus ? ", CPUs " : "", cpus ?: "");
	describe_device(pmu, detail, sizeof(detail));
	if (matches(pattern, name))
		lines += print_line(name, "PMU", detail);
	for (size_t i = 0; i < json_length(events); i++) {
		struct json_object *event = json_at(events, i);
		const char *scale = json_text(event, "scale", NULL);

		snprintf(detail, sizeof(detail), "%s%s%s%s%s", json_text(event, "config", ""),
			 scale ? ", times " : "", scale ?: "",
			 json_text(event, "unit", NULL) ? ", in " : "",
			 json_text(event, "unit", ""));
		lines += print_line(json_text(event, "name", "?"), "event", detail);
	}
	return lines;
}

static int print_all(struct json_object *all, const char *pattern)
{
	struct json_object *sources = json_object_object_get(all, "sources");
	struct json_object *devices = json_object_object_get(all, "devices");
	struct json_object *pmus = json_object_object_get(all, "pmus");
	size_t lines = 0;

	for (size_t i = 0; i < json_length(sources); i++)
		lines += print_source(json_at(sources, i), pattern);
	for (size_t i = 0; i < json_length(devices); i++)
		lines += print_waiting(json_at(devices, i));
	for (size_t i = 0; i < json_length(pmus); i++)
		lines += print_pmu(json_at(pmus, i), pattern);
	if (lines)
		return EXIT_DONE;
	return pattern ? complain("nothing matches %s (paimonctl list shows all)", pattern)
		       : complain("nothing found (paimonctl check shows what is missing)");
}

static int run(struct context *context, int argc, char **argv)
{
	struct json_object *status = NULL, *snapshot = NULL, *all;
	struct system_pmus system = {};
	struct pmu *pmus = NULL;
	size_t nr_pmus = 0;
	int r = command_options(context, &command_list, argc, argv, NULL, NULL), shown;

	if (r >= 0)
		return r;
	/* Without the daemon only its part is missing; the reason was printed. */
	r = get_json(context, "/v1/status", &status);
	if (!r)
		r = get_json(context, "/v1/snapshot", &snapshot);
	if (r == EXIT_NOT_RUNNING) {
		complain("listing only the PMUs in sysfs, without sources and devices:");
		r = EXIT_DONE;
	}
	shown = pmu_read_all(PMU_FOLDER, &pmus, &nr_pmus);
	if (shown < 0 && shown != -ENOENT)
		r = complain("cannot read %s: %s", PMU_FOLDER, strerror(-shown));
	/* Without memory they are left out, and so is all else. */
	system_pmus_read(SYSTEM_PMU_SYSFS, &system);
	all = list_all(status, snapshot, pmus, nr_pmus, &system, context->arguments[0]);
	pmu_free_all(pmus, nr_pmus);
	system_pmus_free(&system);
	json_object_put(status);
	json_object_put(snapshot);
	if (context->json || !all) {
		shown = print_json(all);
	} else {
		shown = print_all(all, context->arguments[0]);
		json_object_put(all);
	}
	return r ?: shown;
}

static const struct option_row options[] = {
	{0, NULL, "PATTERN", "only names that contain it, or match it: nvidia, 'msr/*'", NULL},
	{},
};

const struct command command_list = {
	.name = "list",
	.summary =
		"Lists what can be observed: devices, kept events, cgroups, PMUs and their events",
	.arguments = "[PATTERN]",
	.max = 1,
	.options = options,
	.run = run,
};
