// SPDX-License-Identifier: GPL-2.0
#include "events_registry.h"

#include <ctype.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../fdstore.h"
#include "../util/cleanup.h"
#include "../util/clock.h"
#include "../util/cpulist.h"
#include "../util/fail.h"
#include "../util/log.h"
#include "event_spec.h"
#include "source.h"

/* Descriptors that are not for perf events: of all that paimond has open besides, with as
 * many clients as each of the two listeners takes. */
#define RESERVED (64 + 2 * 256)

/* Slots */

void events_store_name(uint32_t slot, char ret_name[32])
{
	snprintf(ret_name, 32, "event-%u", slot);
}

/* Empties a slot, whatever is in it. */
void events_free_slot(struct events *events, uint32_t slot)
{
	char name[32];

	reader_commit(&events->reader->slots[slot].event, 0);
	reader_remove(events->reader, slot);
	events_store_name(slot, name);
	fdstore_remove(name);
	if (events->fds[slot] >= 0) {
		close(events->fds[slot]);
		events->fds[slot] = -1;
		events->nr_fds--;
	}
	events->states[slot] = SLOT_COUNTS;
}

/* Without descriptors nobody can connect, nor close what has used them up. */
bool events_have_descriptors(const struct events *events, size_t nr)
{
	struct rlimit limit;
	rlim_t rest;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return true;
	rest = limit.rlim_cur / 2 < RESERVED ? limit.rlim_cur / 2 : RESERVED;
	return events->nr_fds + nr + rest <= limit.rlim_cur;
}

/*
 * Puts a perf event into a free slot, not yet into force: events_free_slot() undoes it.
 * Takes fd.
 */
int events_fill_slot(struct events *events, uint32_t index, int fd, uint32_t cpu, uint32_t terms)
{
	struct events_slot *slot = &events->reader->slots[index];
	char name[32];
	int r = 0;

	memset(slot, 0, sizeof(*slot));
	slot->cpu = cpu;
	slot->terms = terms;
	events_store_name(index, name);
	if (ioctl(fd, PERF_EVENT_IOC_ID, &slot->perf_id) < 0)
		r = -errno;
	r = r ?: reader_put(events->reader, index, fd);
	if (!r && fdstore_available())
		r = fdstore_put(name, fd);
	events->fds[index] = fd;
	events->nr_fds++;
	if (r < 0)
		events_free_slot(events, index);
	else
		reader_set_cpu(events->reader, index, cpu);
	return r;
}

/* Puts a filled slot in the place of another one, whose total goes on in it. */
void events_replace_slot(struct events *events, uint32_t old, uint32_t new)
{
	struct events_slot *slots = events->reader->slots;

	slots[new].counts[slots[new].current & 1].base = reader_total(&slots[old]);
	slots[new].seq = slots[old].seq + 1;
	reader_commit(&slots[new].event, slots[old].event);
	events_free_slot(events, old);
}

void events_move_slot(struct events *events, uint32_t index, uint32_t cpu)
{
	reader_commit(&events->reader->slots[index].cpu, cpu);
	reader_set_cpu(events->reader, index, cpu);
}

/* A free slot at or behind *index, which is moved there. 0 or -ENOSPC. */
int events_find_slot(const struct events *events, uint32_t *index)
{
	for (; *index < events->reader->nr_slots; ++*index)
		if (!events->reader->slots[*index].event && events->fds[*index] < 0)
			return 0;
	return -ENOSPC;
}

/* Opening and closing */

struct events_event *events_find(const struct events *events, uint64_t id)
{
	for (uint32_t i = 0; id && i < events->reader->nr_events; i++)
		if (events->reader->events[i].id == id)
			return &events->reader->events[i];
	return NULL;
}

struct events_event *events_find_name(const struct events *events, const char *name)
{
	for (uint32_t i = 0; i < events->reader->nr_events; i++)
		if (events->reader->events[i].id && !strcmp(events->reader->events[i].name, name))
			return &events->reader->events[i];
	return NULL;
}

/* The number of an event's element, as its slots have it. */
uint32_t events_number(const struct events *events, const struct events_event *event)
{
	return event - events->reader->events + 1;
}

/* The slot that an event has for a CPU, or NULL. */
struct events_slot *events_slot_on(struct events *events, const struct events_event *event,
				   unsigned int cpu)
{
	uint32_t number = events_number(events, event);

	for (uint32_t i = 0; i < events->reader->nr_slots; i++)
		if (events->reader->slots[i].event == number && events->reader->slots[i].cpu == cpu)
			return &events->reader->slots[i];
	return NULL;
}

static int open_failed(char **ret_error, int r, const char *spec, unsigned int cpu)
{
	return fail(ret_error, r, "%s: cannot be opened on CPU %u: %s%s", spec, cpu, strerror(-r),
		    reader_advice(r));
}

/* Opens an event on its CPUs, in slots that are not yet in force. */
static int open_slots(struct events *events, const struct events_event *event,
		      const unsigned int *cpus, size_t nr_cpus, uint32_t *slots, char **ret_error)
{
	const char *spec = events_terms(event)->spec;
	uint32_t slot = 0;
	size_t i;
	int r = 0;

	if (!events_have_descriptors(events, nr_cpus))
		return open_failed(ret_error, -EMFILE, spec, cpus[0]);
	for (i = 0; i < nr_cpus; i++) {
		int fd = reader_open(event, cpus[i]);

		if (fd < 0) {
			r = open_failed(ret_error, fd, spec, cpus[i]);
			break;
		}
		if (events_find_slot(events, &slot) < 0) {
			close(fd);
			r = fail(ret_error, -ENOSPC,
				 "%s: no room for it on %zu CPUs (raise max in [events], and see "
				 "paimond.conf(5))",
				 spec, nr_cpus);
			break;
		}
		r = events_fill_slot(events, slot, fd, cpus[i], event->current);
		if (r < 0) {
			fail(ret_error, r, "%s: cannot be kept: %s", spec, strerror(-r));
			break;
		}
		slots[i] = slot;
	}
	while (r < 0 && i-- > 0)
		events_free_slot(events, slots[i]);
	return r;
}

/* A name that nothing has yet, from a text: with a number behind it if need be. */
static void make_name(const struct events *events, const char *text, char ret_name[EVENTS_NAME_LEN])
{
	char base[49];

	snprintf(base, sizeof(base), "%.48s", text);
	for (char *c = base; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr(CONFIG_EVENT_NAME_CHARS, *c))
			*c = '_';
	strcpy(ret_name, base);
	for (unsigned int i = 2; events_find_name(events, ret_name); i++)
		snprintf(ret_name, EVENTS_NAME_LEN, "%s.%u", base, i);
}

static struct events_terms make_terms(const struct event_spec *spec)
{
	struct events_terms terms = {
		.config = {spec->config, spec->config1, spec->config2, spec->config3},
	};

	strcpy(terms.spec, spec->text);
	return terms;
}

/* Fills in all but the id. */
int events_describe(struct events *events, struct events_event *event,
		    const struct event_spec *spec, const char *name, const char *cpus,
		    const struct events_owner *owner, char **ret_error)
{
	memset(event, 0, sizeof(*event));
	if (name && !config_event_name_valid(name))
		return fail(ret_error, -EINVAL, "\"%.80s\" " CONFIG_NOT_EVENT_NAME, name);
	if (name && events_find_name(events, name))
		return fail(ret_error, -EEXIST,
			    "%s: there is an event of this name (paimonctl event list)", name);
	if (strlen(spec->text) >= sizeof(event->terms[0].spec) ||
	    strlen(spec->pmu) >= sizeof(event->pmu) || strlen(spec->unit) >= sizeof(event->unit) ||
	    strlen(spec->scale) >= sizeof(event->scale) ||
	    strlen(cpus ?: "") >= sizeof(event->cpus))
		return fail(ret_error, -EINVAL, "%.80s: it, or its list of CPUs, is too long",
			    spec->text);
	if (name)
		strcpy(event->name, name);
	else
		make_name(events, spec->text, event->name);
	strcpy(event->pmu, spec->pmu);
	strcpy(event->unit, spec->unit);
	strcpy(event->scale, spec->scale);
	strcpy(event->cpus, cpus ?: "");
	memcpy(event->comm, owner->comm, sizeof(event->comm));
	event->terms[0] = make_terms(spec);
	event->type = spec->type;
	event->origin = owner->origin;
	event->uid = owner->uid;
	event->pid = owner->pid;
	event->opened_ns = clock_ns(CLOCK_REALTIME);
	return 0;
}

/* A system PMU counts on the CPUs of its mask only, whatever is asked for. */
static int check_mask(const struct event_spec *spec, const unsigned int *cpus, size_t nr,
		      char **ret_error)
{
	_cleanup_free_ unsigned int *mask = NULL;
	size_t nr_mask;
	int r = spec->uncore ? cpulist_parse(spec->cpus, MAX_CPU, &mask, &nr_mask) : 0;

	for (size_t i = 0; mask && i < nr; i++)
		if (!events_is_in(mask, nr_mask, cpus[i]))
			return fail(ret_error, -EINVAL,
				    "%s: PMU %s counts for the system, on CPUs %s, and not on %u",
				    spec->text, spec->pmu, spec->cpus, cpus[i]);
	return r;
}

/* The CPUs to open on. The caller frees *ret_cpus. */
static int choose_cpus(const struct events *events, const struct event_spec *spec,
		       const char *asked, unsigned int **ret_cpus, size_t *ret_nr, char **ret_error)
{
	const char *text = asked && *asked ? asked : spec->cpus ?: events->online;
	_cleanup_free_ unsigned int *cpus = NULL;
	size_t nr = 0;
	int r = cpulist_parse(text, MAX_CPU, &cpus, &nr);

	if (r == -ENOMEM)
		return r;
	if (r < 0 || !nr)
		return fail(ret_error, -EINVAL, "%s: CPUs %s: is not a list as 0-3,8", spec->text,
			    text);
	for (size_t i = 0; i < nr; i++)
		if (!events_is_in(events->cpus, events->nr_cpus, cpus[i]))
			return fail(ret_error, -EINVAL, "%s: CPU %u is not online (online: %s)",
				    spec->text, cpus[i], events->online);
	r = check_mask(spec, cpus, nr, ret_error);
	if (r < 0)
		return r;
	*ret_cpus = cpus;
	*ret_nr = nr;
	cpus = NULL;
	return 0;
}

/* A free element of the list, or NULL. */
struct events_event *events_find_free(const struct events *events, const char *text,
				      char **ret_error)
{
	const struct reader *reader = events->reader;

	for (uint32_t i = 0; i < reader->nr_events; i++)
		if (!reader->events[i].id)
			return &reader->events[i];
	fail(ret_error, -ENOSPC,
	     "%s: there are %u events already (raise max in [events], and see paimond.conf(5))",
	     text, reader->nr_events);
	return NULL;
}

/* Lists an event that has its perf events in slots. Returns its id. */
uint64_t events_put_in_force(struct events *events, struct events_event *event,
			     const struct events_event *filled, const uint32_t *slots, size_t nr)
{
	struct reader *reader = events->reader;

	*event = *filled;
	events->given[event - reader->events] = 0;
	events->lacking[event - reader->events] = false;
	reader->state->last_id++;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	for (size_t i = 0; i < nr; i++)
		reader_commit(&reader->slots[slots[i]].event, events_number(events, event));
	__atomic_store_n(&event->id, reader->state->last_id, __ATOMIC_RELEASE);
	log_info("events: %s is event %llu: %s", event->name, (unsigned long long)event->id,
		 events_terms(event)->spec);
	return event->id;
}

int events_open(struct source *source, const char *text, const char *name, const char *cpus,
		const struct events_owner *owner, uint64_t *ret_id, char **ret_error)
{
	struct events *events = source->data;
	_cleanup_(event_spec_freep) struct event_spec *spec = NULL;
	_cleanup_free_ unsigned int *list = NULL;
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
	r = r ?: choose_cpus(events, spec, cpus, &list, &nr, ret_error);
	if (r < 0)
		return r;
	slots = calloc(nr, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	r = open_slots(events, &filled, list, nr, slots, ret_error);
	if (r < 0)
		return r;
	*ret_id = events_put_in_force(events, event, &filled, slots, nr);
	return 0;
}

void events_close_event(struct events *events, struct events_event *event)
{
	uint32_t number = events_number(events, event);

	log_info("events: %s, event %llu, is closed", event->name, (unsigned long long)event->id);
	__atomic_store_n(&event->id, 0, __ATOMIC_RELEASE);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	for (uint32_t i = 0; i < events->reader->nr_slots; i++)
		if (events->reader->slots[i].event == number)
			events_free_slot(events, i);
}

int events_no_event(uint64_t id, char **ret_error)
{
	return fail(ret_error, -ENOENT, "there is no event %llu (paimonctl event list)",
		    (unsigned long long)id);
}

int events_close(struct source *source, uint64_t id, char **ret_error)
{
	struct events_event *event = events_find(source->data, id);

	if (!event)
		return events_no_event(id, ret_error);
	events_close_event(source->data, event);
	return 0;
}

/* Changing */

/* Opens what replaces the slots of an event. 0, with the new ones in *ret_slots, -1
 * where there is no old one, or a negative errno and nothing is left of them. */
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
		fd = reader_open(event, old[i].cpu);
		if (fd < 0) {
			r = open_failed(ret_error, fd, spec, old[i].cpu);
			break;
		}
		r = events_find_slot(events, &new);
		if (r < 0)
			close(fd);
		r = r ?: events_fill_slot(events, new, fd, old[i].cpu, event->current);
		if (r < 0)
			fail(ret_error, r, "%s: cannot be kept beside what it replaces: %s", spec,
			     strerror(-r));
		else
			slots[i] = new;
	}
	for (uint32_t i = 0; r < 0 && i < events->reader->nr_slots; i++)
		if (slots[i] >= 0)
			events_free_slot(events, slots[i]);
	return r;
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
		return fail(ret_error, -EINVAL,
			    "%s: was opened by another process, and cannot be changed here "
			    "(hand over another one)",
			    event->name);
	if (event->origin == EVENTS_FROM_CONFIG)
		return fail(ret_error, -EINVAL,
			    "[event %s] of the configuration says what it is (change it there, "
			    "and reload)",
			    event->name);
	before = events_terms(event);
	if (event_spec_set(before->spec, terms, &text) < 0)
		return fail(ret_error, -EINVAL, "%s: its terms cannot be set to %.80s",
			    before->spec, terms);
	r = event_spec_parse(EVENT_SPEC_PMUS, EVENT_SPEC_TRACEPOINTS, text, &spec, ret_error);
	if (r < 0)
		return r == -ENOENT ? -EINVAL : r;
	if (strlen(spec->text) >= sizeof(before->spec))
		return fail(ret_error, -EINVAL, "%.80s: it is too long", spec->text);
	slots = malloc(events->reader->nr_slots * sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	/* First what CPUs that came back need: it moves slots. */
	events_read_all(events);
	changed = *event;
	changed.current++;
	changed.terms[changed.current & 1] = make_terms(spec);
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
	log_info("events: %s, event %llu, is %s now; it was %s", event->name,
		 (unsigned long long)event->id, events_terms(event)->spec, before->spec);
	return 0;
}

int events_open_again(struct events *events, const struct events_event *event, unsigned int cpu,
		      struct events_slot *before)
{
	int fd = reader_open(event, cpu), r = fd < 0 ? fd : 0;
	uint32_t new = 0;

	if (!r) {
		r = events_find_slot(events, &new);
		if (r < 0)
			close(fd);
	}
	r = r ?: events_fill_slot(events, new, fd, cpu, event->current);
	if (r < 0)
		log_error("events: %s does not count on CPU %u: %s (reload tries it again)",
			  event->name, cpu, strerror(-r));
	else if (before)
		events_replace_slot(events, before - events->reader->slots, new);
	else
		reader_commit(&events->reader->slots[new].event, events_number(events, event));
	return r;
}
