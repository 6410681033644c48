// SPDX-License-Identifier: GPL-2.0
/*
 * Opens kept events: chooses PMUs and CPUs, opens perf events and puts them into slots; reopens
 * them with other terms, and on CPUs where they no longer count.
 */
#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../util/cleanup.h"
#include "../../util/clock.h"
#include "../../util/cpulist.h"
#include "../../util/event_spec.h"
#include "../../util/fail.h"
#include "../../util/log.h"
#include "../load.h"
#include "../source.h"
#include "attributed.h"
#include "perf_file.h"
#include "probe.h"
#include "registry.h"

/* A PMU and a CPU on which to open a perf event. */
struct target {
	uint32_t type; /* of the PMU, as in a slot */
	uint32_t cpu;
};

static int open_failed(char **ret_error, int r, const struct events_event *event, unsigned int cpu)
{
	return fail(ret_error, r, "%s: cannot be opened on CPU %u: %s%s", events_terms(event)->spec,
		    cpu, strerror(-r), reader_advice(r, event->type));
}

/* Refuses PMUs whose perf events can crash the kernel, other than those of CPUs. The perf event
 * in the slot tells its PMU. */
static int check_scope(struct events *events, const struct events_event *event, uint32_t index,
		       char **ret_error)
{
	struct perf_file file;
	int r;

	if (event->type <= PERF_TYPE_BREAKPOINT || event->flags & EVENTS_CORE)
		return 0;
	r = events_inspect(events, index, &file);
	if (r < 0)
		return fail(ret_error, r, "%s: cannot be inspected: %s%s%s%s",
			    events_terms(event)->spec, strerror(-r),
			    load_is_locked_down() ? " (" : "",
			    load_is_locked_down() ? LOAD_LOCKED_DOWN : "",
			    load_is_locked_down() ? ")" : "");
	return file.faults ? fail(ret_error, -EOPNOTSUPP, EVENTS_FAULTS, events_terms(event)->spec)
			   : 0;
}

/* Opens the perf events of an event, in slots that are not yet in force. */
static int open_slots(struct events *events, const struct events_event *event,
		      const struct target *targets, size_t nr, uint32_t *slots, char **ret_error)
{
	const char *spec = events_terms(event)->spec;
	uint32_t slot = 0;
	size_t i;
	int r = 0;

	if (!events_have_descriptors(events, nr))
		return open_failed(ret_error, -EMFILE, event, targets[0].cpu);
	for (i = 0; i < nr && !r; i++) {
		int fd = reader_open(event, targets[i].type, targets[i].cpu);

		if (fd < 0) {
			r = open_failed(ret_error, fd, event, targets[i].cpu);
			break;
		}
		if (events_find_slot(events, &slot) < 0) {
			close(fd);
			r = fail(
				ret_error, -ENOSPC,
				"%s: no free slots for its %zu perf events (raise max in [events], and see paimond.conf(5))",
				spec, nr);
			break;
		}
		r = events_fill_slot(events, slot, fd, targets[i].type, targets[i].cpu,
				     event->current);
		if (r < 0) {
			fail(ret_error, r, "%s: cannot be kept: %s", spec, strerror(-r));
			break;
		}
		slots[i] = slot;
		if (!i || targets[i].type != targets[i - 1].type)
			r = check_scope(events, event, slot, ret_error);
	}
	while (r < 0 && i-- > 0)
		events_free_slot(events, slots[i]);
	return r;
}

static struct events_terms make_terms(const struct event_spec *spec)
{
	struct events_terms terms = {
		.config = {spec->config, spec->config1, spec->config2, spec->config3,
			   spec->config4},
		.exclude = spec->exclude,
	};

	strcpy(terms.spec, spec->text);
	return terms;
}

/* Fills in everything except the id. */
int events_describe(struct events *events, struct events_event *event,
		    const struct event_spec *spec, const char *name, const char *cpus,
		    const struct events_owner *owner, char **ret_error)
{
	memset(event, 0, sizeof(*event));
	if (name && !config_event_name_valid(name))
		return fail(ret_error, -EINVAL, "\"%.80s\" " CONFIG_NOT_EVENT_NAME, name);
	if (name && events_find_name(events, name))
		return fail(ret_error, -EEXIST,
			    "%s: an event has this name already (paimonctl event list)", name);
	if (strlen(spec->text) >= sizeof(event->terms[0].spec) ||
	    strlen(spec->pmu) >= sizeof(event->pmu) || strlen(spec->unit) >= sizeof(event->unit) ||
	    strlen(spec->scale) >= sizeof(event->scale) ||
	    strlen(cpus ?: "") >= sizeof(event->cpus))
		return fail(ret_error, -EINVAL, "%.80s: the spec or the list of CPUs is too long",
			    spec->text);
	if (name)
		strcpy(event->name, name);
	else
		events_make_name(events, spec->text, event->name);
	strcpy(event->pmu, spec->pmu);
	strcpy(event->unit, spec->unit);
	strcpy(event->scale, spec->scale);
	strcpy(event->cpus, cpus ?: "");
	memcpy(event->comm, owner->comm, sizeof(event->comm));
	event->terms[0] = make_terms(spec);
	event->type = spec->type;
	event->flags = (spec->level ? EVENTS_LEVEL : 0) | (spec->core ? EVENTS_CORE : 0);
	event->origin = owner->origin;
	event->uid = owner->uid;
	event->pid = owner->pid;
	event->opened_ns = clock_ns(CLOCK_REALTIME);
	return 0;
}

/* Adds an element to targets for each CPU of the list that the PMU counts on and that is online,
 * and marks these CPUs as taken. targets is large enough. pmu: NULL for any CPU. */
static int add_targets(const struct events *events, const struct event_pmu *pmu, uint32_t type,
		       const unsigned int *asked, size_t nr_asked, bool *taken,
		       struct target *targets, size_t *nr)
{
	_cleanup_free_ unsigned int *mask = NULL;
	size_t nr_mask = 0;
	int r = pmu && pmu->cpus ? cpulist_parse(pmu->cpus, MAX_CPU, &mask, &nr_mask) : 0;

	for (size_t i = 0; i < nr_asked && !r; i++) {
		if ((mask && !cpulist_has(mask, nr_mask, asked[i])) ||
		    !cpulist_has(events->cpus, events->nr_cpus, asked[i]))
			continue;
		taken[i] = true;
		targets[(*nr)++] = (struct target){type, asked[i]};
	}
	return r;
}

/* The reason why the event cannot be opened on a requested CPU. */
static int refuse_cpu(const struct events *events, const struct event_spec *spec, unsigned int cpu,
		      char **ret_error)
{
	if (!cpulist_has(events->cpus, events->nr_cpus, cpu))
		return fail(ret_error, -EINVAL, "%s: CPU %u is not online (online: %s)", spec->text,
			    cpu, events->online);
	return fail(ret_error, -EINVAL, "%s: PMU %s counts %s on CPUs %s, not on %u", spec->text,
		    spec->pmu, spec->uncore ? "for the system" : "for its CPUs", spec->cpus, cpu);
}

/* The PMUs and CPUs to open on. The caller frees *ret_targets. */
static int choose_targets(const struct events *events, const struct event_spec *spec,
			  const char *asked, struct target **ret_targets, size_t *ret_nr,
			  char **ret_error)
{
	bool given = asked && *asked;
	const char *text = given ? asked : spec->cpus ?: events->online;
	size_t nr_pmus = spec->nr_pmus ?: 1, nr_cpus = 0, nr = 0;
	_cleanup_free_ struct target *targets = NULL;
	_cleanup_free_ unsigned int *cpus = NULL;
	_cleanup_free_ bool *taken = NULL;
	int r = cpulist_parse(text, MAX_CPU, &cpus, &nr_cpus);

	if (r == -ENOMEM)
		return r;
	if (r < 0 || !nr_cpus)
		return fail(ret_error, -EINVAL, "%s: CPUs %s: not a list such as 0-3,8", spec->text,
			    text);
	targets = calloc(nr_pmus * nr_cpus, sizeof(*targets));
	taken = calloc(nr_cpus, sizeof(*taken));
	r = targets && taken ? 0 : -ENOMEM;
	for (size_t i = 0; i < nr_pmus && !r; i++)
		r = add_targets(events, spec->nr_pmus ? &spec->pmus[i] : NULL,
				nr_pmus > 1 ? spec->pmus[i].type : 0, cpus, nr_cpus, taken, targets,
				&nr);
	if (r < 0)
		return r;
	/* The cpumask of a PMU may list CPUs that are offline. */
	for (size_t i = 0; i < nr_cpus; i++)
		if (!taken[i] && (given || !nr || spec->uncore))
			return refuse_cpu(events, spec, cpus[i], ret_error);
	*ret_targets = targets;
	*ret_nr = nr;
	targets = NULL;
	return 0;
}

int events_open(struct source *source, const char *text, const char *name, const char *cpus,
		enum kept_by by, const struct events_owner *owner, uint64_t *ret_id,
		char **ret_error)
{
	struct events *events = source->data;
	_cleanup_(event_spec_freep) struct event_spec *spec = NULL;
	_cleanup_free_ struct target *targets = NULL;
	_cleanup_free_ uint32_t *slots = NULL;
	struct events_event *event, filled;
	size_t nr = 0;
	int r;

	*ret_error = NULL;
	r = event_spec_parse(EVENT_SPEC_PMUS, EVENT_SPEC_TRACEPOINTS, text, &spec, ret_error);
	if (r < 0)
		return r;
	events_follow_cpus(events);
	event = events_find_free(events, spec->text, ret_error);
	if (!event)
		return -ENOSPC;
	r = events_describe(events, &filled, spec, name, cpus, owner, ret_error);
	r = r ?: choose_targets(events, spec, cpus, &targets, &nr, ret_error);
	if (r < 0)
		return r;
	slots = calloc(nr, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	r = by == KEPT_BY_NOTHING ? 0 : events_prepare_attribution(source, spec, by, ret_error);
	if (r < 0)
		return r;
	filled.flags |= by == KEPT_BY_PROCESS  ? EVENTS_BY_PROCESS
			: by == KEPT_BY_CGROUP ? EVENTS_BY_CGROUP
					       : 0;
	r = open_slots(events, &filled, targets, nr, slots, ret_error);
	if (r < 0) {
		events_unattribute(events, 0);
		return r;
	}
	r = by == KEPT_BY_NOTHING
		    ? 0
		    : events_attribute(events, &filled, events->reader->state->last_id + 1, slots,
				       nr, ret_error);
	for (size_t i = 0; i < nr && r < 0; i++)
		events_free_slot(events, slots[i]);
	if (r < 0)
		return r;
	*ret_id = events_put_in_force(events, event, &filled, slots, nr);
	return 0;
}

int events_try(const struct config_event *wanted, bool opens, char **ret_error)
{
	_cleanup_(event_spec_freep) struct event_spec *spec = NULL;
	_cleanup_free_ struct target *targets = NULL;
	struct events_event event = {};
	struct events events = {};
	size_t nr = 0;
	int fd, r;

	*ret_error = NULL;
	r = event_spec_parse(EVENT_SPEC_PMUS, EVENT_SPEC_TRACEPOINTS, wanted->spec, &spec,
			     ret_error);
	if (!r && wanted->by != KEPT_BY_NOTHING)
		r = events_can_attribute(spec, wanted->by, ret_error);
	if (r < 0)
		return r;
	if (strlen(spec->text) >= sizeof(event.terms[0].spec))
		return fail(ret_error, -EINVAL, "%.80s: the spec is too long", spec->text);
	r = events_read_online(&events, &(unsigned int *){NULL}, &(size_t){0});
	if (r >= 0)
		r = choose_targets(&events, spec, wanted->cpus, &targets, &nr, ret_error);
	if (!r && opens) {
		event.terms[0] = make_terms(spec);
		event.type = spec->type;
		event.flags = spec->core ? EVENTS_CORE : 0;
		fd = reader_open(&event, targets[0].type, targets[0].cpu);
		if (fd < 0)
			r = open_failed(ret_error, fd, &event, targets[0].cpu);
		else
			close(fd);
	}
	free(events.cpus);
	free(events.online);
	return r;
}

/* Changing */

/* Opens a replacement for each slot of an event. 0, with the new slots in *ret_slots (-1 where
 * there is no old one), or a negative errno and all of them are closed again. */
static int open_replacements(struct events *events, const struct events_event *event,
			     uint32_t number, int64_t *slots, char **ret_error)
{
	struct events_slot *old = events->reader->slots;
	const char *spec = events_terms(event)->spec;
	uint32_t new = 0;
	int r = 0;

	for (uint32_t i = 0; i < events->reader->nr_slots; i++)
		slots[i] = -1;
	for (uint32_t i = 0; i < events->reader->nr_slots && !r; i++) {
		int fd;

		if (old[i].event != number)
			continue;
		fd = reader_open(event, old[i].type, old[i].cpu);
		if (fd < 0) {
			r = open_failed(ret_error, fd, event, old[i].cpu);
			break;
		}
		r = events_find_slot(events, &new);
		if (r < 0)
			close(fd);
		r = r ?: events_fill_slot(events, new, fd, old[i].type, old[i].cpu, event->current);
		if (r < 0)
			fail(ret_error, r,
			     "%s: cannot be kept in addition to the perf event that it replaces: %s",
			     spec, strerror(-r));
		else
			slots[i] = new;
	}
	for (uint32_t i = 0; r < 0 && i < events->reader->nr_slots; i++)
		if (slots[i] >= 0)
			events_free_slot(events, slots[i]);
	return r;
}

static void log_change(const struct events_event *event, const struct events_terms *before,
		       const char *how)
{
	log_info("events: %s, event %llu, is %s now, %s; it was %s", event->name,
		 (unsigned long long)event->id, events_terms(event)->spec, how, before->spec);
}

int events_set(struct source *source, uint64_t id, const char *terms, char **ret_error)
{
	struct events *events = source->data;
	struct events_event *event = events_find(events, id), changed;
	const struct events_terms *before;
	_cleanup_(event_spec_freep) struct event_spec *spec = NULL;
	_cleanup_free_ char *text = NULL;
	_cleanup_free_ int64_t *slots = NULL;
	int r;

	*ret_error = NULL;
	if (!event)
		return events_no_event(id, ret_error);
	if (event->origin == EVENTS_FROM_HANDOFF)
		return fail(
			ret_error, -EINVAL,
			"%s: was opened by another process, and cannot be changed (hand over another one)",
			event->name);
	if (event->origin == EVENTS_FROM_CONFIG)
		return fail(ret_error, -EINVAL,
			    "[event %s] is in the configuration (change it there, and reload)",
			    event->name);
	before = events_terms(event);
	if (event_spec_set(before->spec, terms, &text) < 0)
		return fail(ret_error, -EINVAL, "%s: its terms cannot be set to %.80s",
			    before->spec, terms);
	r = event_spec_parse(EVENT_SPEC_PMUS, EVENT_SPEC_TRACEPOINTS, text, &spec, ret_error);
	if (r < 0)
		return r == -ENOENT ? -EINVAL : r;
	if (strlen(spec->text) >= sizeof(before->spec))
		return fail(ret_error, -EINVAL, "%.80s: the spec is too long", spec->text);
	if (spec->type != event->type || spec->level != !!(event->flags & EVENTS_LEVEL))
		return fail(ret_error, -EINVAL,
			    "%.80s: is not the same kind of event as %s (open it as another event)",
			    spec->text, before->spec);
	r = events_by(event) == KEPT_BY_NOTHING
		    ? 0
		    : events_prepare_attribution(source, spec, KEPT_BY_CGROUP, ret_error);
	if (r < 0)
		return r;
	/* First, because it reopens events on CPUs that are online again, which moves slots. */
	events_read_all(events);
	changed = *event;
	changed.current++;
	changed.terms[changed.current & 1] = make_terms(spec);
	r = events_set_live(events, event, &changed, ret_error);
	if (r <= 0) {
		if (!r)
			log_change(event, before, "changed while it counted");
		return r;
	}
	slots = malloc(events->reader->nr_slots * sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	r = open_replacements(events, &changed, events_number(events, event), slots, ret_error);
	if (r < 0)
		return r == -ENOENT ? -EINVAL : r;
	event->terms[changed.current & 1] = changed.terms[changed.current & 1];
	event->changes++;
	reader_commit(&event->current, changed.current);
	events_account_all(events);
	for (uint32_t i = 0; i < events->reader->nr_slots; i++)
		if (slots[i] >= 0)
			events_replace_slot(events, i, slots[i]);
	log_change(event, before, "reopened");
	return 0;
}

int events_open_again(struct events *events, const struct events_event *event, uint32_t type,
		      unsigned int cpu, struct events_slot *before)
{
	int fd = reader_open(event, type, cpu), r = fd < 0 ? fd : 0;
	_cleanup_free_ char *error = NULL;
	uint32_t new = 0;

	if (!r) {
		r = events_find_slot(events, &new);
		if (r < 0)
			close(fd);
	}
	r = r ?: events_fill_slot(events, new, fd, type, cpu, event->current);
	/* The type may be that of another PMU by now. */
	if (!r) {
		r = check_scope(events, event, new, &error);
		if (r < 0)
			events_free_slot(events, new);
	}
	if (r < 0)
		log_error("events: %s does not count on CPU %u: %s (a reload tries again)",
			  event->name, cpu, error ?: strerror(-r));
	else if (before)
		events_replace_slot(events, before - events->reader->slots, new);
	else {
		reader_commit(&events->reader->slots[new].event, events_number(events, event));
		events_attribute_slot(events, event, new);
	}
	return r;
}
