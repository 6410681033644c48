// SPDX-License-Identifier: GPL-2.0
/*
 * The source of system PMUs: CoreSight PMUs, and those of servers for which there is an event set
 * (util/event_set.h). It counts the events of the set that the PMU lists, on the CPUs of its
 * cpumask, or of a PMU of CPUs on all that are online.
 *
 * Called by the daemon, on its one thread.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../util/cleanup.h"
#include "../../util/log.h"
#include "../source.h"
#include "cspmu_source.h"

#define FOLDER "cspmu"
#define ARRAY "cspmu-array"

static enum source_wanted cspmu_wanted(const struct config *config)
{
	return config->cspmu;
}

/*
 * Loads the event sets. Wrong files are left out: *ret_wrong (to be freed) has a line for each of
 * their mistakes, or is NULL.
 */
static int load_sets(struct source *source, struct event_sets **ret_sets, char **ret_wrong)
{
	char *errors = NULL;
	int r = system_pmu_event_sets(ret_sets, &errors);

	if (r < 0) {
		source_fail(source, r, "cannot read the event sets: %s", errors ?: strerror(-r));
		free(errors);
		return r;
	}
	*ret_wrong = errors;
	return 0;
}

/* Calls log_warning(), or tell, for each line. */
static void say_lines(const char *lines, source_tell *tell, void *user)
{
	_cleanup_free_ char *copy = lines ? strdup(lines) : NULL;
	char *rest = copy, *line;

	while (rest && (line = strsep(&rest, "\n")))
		if (tell)
			tell(user, line);
		else
			log_warning("cspmu: %s", line);
}

static int cspmu_probe(struct source *source)
{
	_cleanup_(event_sets_freep) struct event_sets *sets = NULL;
	_cleanup_free_ char *wrong = NULL;
	struct cspmu_found found;
	char other[256] = "";
	size_t nr;
	int r = load_sets(source, &sets, &wrong);

	r = r ?: cspmu_find(sets, &found);
	if (r < 0)
		return r;
	nr = found.nr_pmus;
	cspmu_tell_other(&found, other, sizeof(other));
	cspmu_found_free(&found);
	if (!nr)
		say_lines(wrong, NULL, NULL); /* the family may be in one of these files */
	if (nr)
		return 0;
	return source_fail(source, -ENODEV, "%s",
			   *other ? other
				  : "this machine has no system PMU of a known family (for "
				    "development: modprobe paimon_soft cspmu=1)");
}

static void forget(struct source *source)
{
	struct cspmu *cspmu = source->data;

	reader_free(cspmu->reader);
	cspmu_found_free(&cspmu->found);
	if (cspmu->sets)
		event_sets_free(cspmu->sets);
	free(cspmu->counters);
	free(cspmu->left_out);
	free(cspmu->wrong);
	free(cspmu);
	source->data = NULL;
}

static void cspmu_detach(struct source *source, bool keep)
{
	const struct pins pins = {source, FOLDER, EVENTS_LAYOUT};

	/* The last reading: the array and its perf events end with the unit. */
	cspmu_read_counters(source);
	if (!keep) {
		cspmu_end_counters(source);
		pins_drop(&pins, ARRAY);
	}
	forget(source);
}

static void cspmu_end_left(struct source *source)
{
	pins_drop(&(struct pins){source, FOLDER, EVENTS_LAYOUT}, ARRAY);
}

/* The first error of a counter; 0 if at least one counts, or there is none. */
static int all_failed(const struct cspmu *cspmu)
{
	int error = 0;

	for_each_counter(i, cspmu) {
		if (cspmu->counters[i].away)
			continue;
		if (!cspmu->counters[i].error)
			return 0;
		error = error ?: cspmu->counters[i].error;
	}
	return error;
}

/* Writes into the reason what cannot be opened. */
static void give_reason(struct source *source, bool say)
{
	const struct cspmu *cspmu = source->data;
	char before[sizeof(source->reason)];

	memcpy(before, source->reason, sizeof(before));
	source->reason[0] = '\0';
	if (cspmu->full)
		source_fail(source, 0,
			    "not all events are counted: max_events of [cspmu] is %u (raise it, "
			    "stop paimond, and run paimonctl purge cspmu-%d, which loses %s)",
			    cspmu->reader->nr_slots, EVENTS_LAYOUT, state_loses(FOLDER));
	for_each_counter(i, cspmu) {
		int error = cspmu->counters[i].error;
		const struct events_event *event = &cspmu->reader->events[i];

		if (error)
			source_fail(source, 0, "%s cannot be opened on CPU %u: %s%s",
				    events_terms(event)->spec, cspmu->reader->slots[i].cpu,
				    strerror(-error), reader_advice(error, event->type));
		if (error)
			break;
	}
	if (say && source->reason[0] && strcmp(before, source->reason))
		log_warning("cspmu: %s", source->reason);
}

static int set_up(struct source *source, struct cspmu *cspmu)
{
	const struct pins pins = {source, FOLDER, EVENTS_LAYOUT};
	uint32_t max;
	int r = load_sets(source, &cspmu->sets, &cspmu->wrong);

	say_lines(cspmu->wrong, NULL, NULL);
	r = r ?: cspmu_find(cspmu->sets, &cspmu->found);
	if (r < 0)
		return r;
	max = cspmu_max_events(source->config, &cspmu->found);
	r = reader_new(source, &pins, ARRAY, max, max, &cspmu->reader);
	if (r < 0)
		return r;
	if (cspmu->reader->nr_events < cspmu->reader->nr_slots)
		return source_fail(source, -EEXIST,
				   "the pinned maps of %s are not from paimond (" PINS_PURGE ")",
				   FOLDER, PINS_PURGE_OF(&pins));
	cspmu->counters = calloc(cspmu->reader->nr_slots, sizeof(*cspmu->counters));
	return cspmu->counters ? 0 : -ENOMEM;
}

static int cspmu_attach(struct source *source)
{
	struct cspmu *cspmu = calloc(1, sizeof(*cspmu));
	int r;

	if (!cspmu)
		return -ENOMEM;
	source->data = cspmu;
	source->backend = "perf";
	r = set_up(source, cspmu);
	if (r < 0) {
		forget(source);
		return r;
	}
	source->adopted = cspmu->reader->adopted;
	cspmu_recover_counters(source);
	cspmu_read_counters(source);
	r = cspmu_update_counters(source);
	if (!r) {
		r = all_failed(cspmu);
		give_reason(source, !r); /* the daemon logs a failure */
	}
	if (r < 0)
		cspmu_detach(source, true);
	return r;
}

/* Have all PMUs gone? */
static bool cspmu_outdated(struct source *source)
{
	const struct cspmu *cspmu = source->data;

	return !cspmu->found.nr_pmus;
}

static bool is_same(const struct cspmu_found *a, const struct cspmu_found *b)
{
	if (a->nr_pmus != b->nr_pmus)
		return false;
	for (size_t i = 0; i < a->nr_pmus; i++) {
		const struct system_pmu *left = a->pmus[i].pmu, *right = b->pmus[i].pmu;

		if (a->pmus[i].set != b->pmus[i].set || left->type != right->type ||
		    strcmp(left->name, right->name) || strcmp(left->cpus, right->cpus) ||
		    strcmp(left->socket, right->socket))
			return false;
	}
	return true;
}

/* Does every counter count? */
static bool all_count(const struct cspmu *cspmu)
{
	for_each_counter(i, cspmu)
		if (!cspmu->counters[i].away &&
		    (!cspmu->reader->slots[i].event || cspmu->counters[i].still_ns))
			return false;
	return true;
}

/* Looks for PMUs that have come or gone, and tries again what failed. Takes sets, the event sets
 * from now on, if there is memory. */
static int look(struct source *source, struct event_sets *sets)
{
	struct cspmu *cspmu = source->data;
	struct cspmu_found now;
	int r = cspmu_find(sets, &now);
	bool same;

	if (r < 0)
		return r;
	same = is_same(&cspmu->found, &now);
	cspmu_found_free(&cspmu->found);
	cspmu->found = now;
	if (sets != cspmu->sets)
		event_sets_free(cspmu->sets);
	cspmu->sets = sets;
	return same && all_count(cspmu) ? 0 : cspmu_update_counters(source);
}

static void cspmu_retry(struct source *source, bool soon)
{
	const struct cspmu *cspmu = source->data;

	cspmu_read_counters(source);
	if (!look(source, cspmu->sets))
		give_reason(source, true);
}

static const char *cspmu_restart(const struct source *source)
{
	const struct cspmu *cspmu = source->data;
	uint32_t max = cspmu_max_events(source->config, &cspmu->found);
	uint32_t nr_slots = cspmu->reader->nr_slots;
	bool too_many = source->config->cspmu_max_events && nr_slots > max;

	return nr_slots < max || too_many ? "max_events" : NULL;
}

static int cspmu_reload(struct source *source)
{
	struct cspmu *cspmu = source->data;
	struct event_sets *sets;
	char *wrong;
	int r = load_sets(source, &sets, &wrong);

	if (r < 0)
		return r;
	free(cspmu->wrong);
	cspmu->wrong = wrong;
	say_lines(wrong, NULL, NULL);
	if (cspmu_restart(source))
		log_warning(
			"cspmu: max_events is another one now: it stays %u until paimond starts without "
			"the pinned maps (stop it, then run paimonctl purge cspmu-%d; this "
			"loses %s)",
			cspmu->reader->nr_slots, EVENTS_LAYOUT, state_loses(FOLDER));
	cspmu_read_counters(source);
	r = look(source, sets);
	if (r < 0) {
		if (cspmu->sets != sets)
			event_sets_free(sets);
		return source_fail(source, r, "%s", strerror(-r));
	}
	give_reason(source, true);
	return 0;
}

/* Tells which files are left out, and of each PMU what does not count as it should. */
static void cspmu_tell(const struct source *source, source_tell *tell, void *user)
{
	const struct cspmu *cspmu = source->data;
	char other[256];

	if (source->reason[0])
		tell(user, source->reason);
	say_lines(cspmu->wrong, tell, user);
	if (cspmu_tell_other(&cspmu->found, other, sizeof(other)))
		tell(user, other);
	for (size_t p = 0; p < cspmu->found.nr_pmus; p++) {
		const char *name = cspmu->found.pmus[p].pmu->name;
		bool shares = false;
		char text[256];

		for_each_counter(i, cspmu)
			shares |= cspmu->counters[i].shares &&
				  !strcmp(cspmu->reader->events[i].pmu, name);
		snprintf(text, sizeof(text),
			 "%s: its events take turns, because it has too few free counters, so "
			 "their totals are too low (end other users of the PMU, or list fewer "
			 "events in its event set)",
			 name);
		if (shares)
			tell(user, text);
	}
}

static void cspmu_objects(const struct source *source, struct source_objects *objects)
{
	static const char *const names[] = {"cspmu_array", "cspmu_values", "cspmu_order",
					    "cspmu_slots", "cspmu_list",   "cspmu_state"};
	const struct cspmu *cspmu = source->data;
	struct bpf_map *map;
	size_t i = 0;

	source_add_program(objects, "cspmu_read",
			   bpf_program__fd(cspmu->reader->bpf->progs.events_read));
	bpf_object__for_each_map(map, cspmu->reader->bpf->obj)
		if (i < sizeof(names) / sizeof(*names))
			source_add_map(objects, names[i++], bpf_map__fd(map));
}

const struct source_ops cspmu_source = {
	.name = "cspmu",
	.wanted = cspmu_wanted,
	.probe = cspmu_probe,
	.attach = cspmu_attach,
	.outdated = cspmu_outdated,
	.retry = cspmu_retry,
	.read = cspmu_read,
	.tell = cspmu_tell,
	.objects = cspmu_objects,
	.reload = cspmu_reload,
	.restart = cspmu_restart,
	.detach = cspmu_detach,
	.end_left = cspmu_end_left,
};
