// SPDX-License-Identifier: GPL-2.0
#include "registry.h"

#include <ctype.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../../process/fdstore.h"
#include "../../util/cleanup.h"
#include "../../util/clock.h"
#include "../../util/cpulist.h"
#include "../../util/event_spec.h"
#include "../../util/fail.h"
#include "../../util/log.h"
#include "../source.h"
#include "perf_file.h"

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
	if (slot < events->free_slot)
		events->free_slot = slot;
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
int events_fill_slot(struct events *events, uint32_t index, int fd, uint32_t type, uint32_t cpu,
		     uint32_t terms)
{
	struct events_slot *slot = &events->reader->slots[index];
	char name[32];
	int r = 0;

	memset(slot, 0, sizeof(*slot));
	slot->cpu = cpu;
	slot->terms = terms;
	slot->type = type;
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
	struct events_count *count = &slots[new].counts[slots[new].current & 1];

	count->base = reader_total(&slots[old]);
	if (events->reader->events[slots[old].event - 1].flags & EVENTS_LEVEL)
		count->base.value = 0;
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
int events_find_slot(struct events *events, uint32_t *index)
{
	uint32_t first = events->free_slot;
	uint32_t i = *index > first ? *index : first;

	while (i < events->reader->nr_slots &&
	       (events->reader->slots[i].event || events->fds[i] >= 0))
		i++;
	if (*index <= first)
		events->free_slot = i;
	*index = i;
	return i < events->reader->nr_slots ? 0 : -ENOSPC;
}

/* Names */

#define NO_EVENT UINT32_MAX

/* By the hash of the name, lists of events. */
struct events_names {
	uint32_t nr_lists; /* a power of 2 */
	uint32_t closed;   /* how many events were: numbers have come free */
	struct {
		uint32_t next;
		/* Numbers behind this event's name below this are taken, as of so many closed. */
		uint32_t number, closed;
	} * events;
	uint32_t lists[];
};

static uint64_t hash(const char *text)
{
	uint64_t h = 0xcbf29ce484222325; /* FNV-1a */

	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * 0x100000001b3;
	return h;
}

static uint32_t *list_of(struct events_names *names, const char *name)
{
	uint64_t h = hash(name);

	return &names->lists[(h ^ h >> 32) & (names->nr_lists - 1)];
}

static void events_index_name(struct events *events, uint32_t event)
{
	struct events_names *names = events->names;
	uint32_t *list = list_of(names, events->reader->events[event].name);

	names->events[event].next = *list;
	names->events[event].number = 2;
	*list = event;
}

static void events_forget_name(struct events *events, uint32_t event)
{
	struct events_names *names = events->names;
	uint32_t *place = list_of(names, events->reader->events[event].name);

	while (*place != NO_EVENT && *place != event)
		place = &names->events[*place].next;
	if (*place == event)
		*place = names->events[event].next;
	names->closed++;
}

int events_index_names(struct events *events)
{
	uint32_t nr_events = events->reader->nr_events, nr_lists = 1;
	struct events_names *names;

	while (nr_lists < nr_events)
		nr_lists *= 2;
	names = malloc(sizeof(*names) + nr_lists * sizeof(*names->lists) +
		       nr_events * sizeof(*names->events));
	if (!names)
		return -ENOMEM;
	*names = (struct events_names){nr_lists, 0, (void *)&names->lists[nr_lists]};
	memset(names->lists, 0xff, nr_lists * sizeof(*names->lists));
	memset(names->events, 0, nr_events * sizeof(*names->events));
	events->names = names;
	for (uint32_t i = 0; i < nr_events; i++)
		if (events->reader->events[i].id)
			events_index_name(events, i);
	return 0;
}

/* Opening and closing */

struct events_event *events_find(const struct events *events, uint64_t id)
{
	/* Who has opened one asks for it next. */
	if (id && events->reader->events[events->newest].id == id)
		return &events->reader->events[events->newest];
	for (uint32_t i = 0; id && i < events->reader->nr_events; i++)
		if (events->reader->events[i].id == id)
			return &events->reader->events[i];
	return NULL;
}

struct events_event *events_find_name(const struct events *events, const char *name)
{
	struct events_event *list = events->reader->events;

	for (uint32_t i = *list_of(events->names, name); i != NO_EVENT;
	     i = events->names->events[i].next)
		if (!strcmp(list[i].name, name))
			return &list[i];
	return NULL;
}

/* The number of an event's element, as its slots have it. */
uint32_t events_number(const struct events *events, const struct events_event *event)
{
	return event - events->reader->events + 1;
}

struct events_slot *events_slot_on(struct events *events, const struct events_event *event,
				   uint32_t type, unsigned int cpu)
{
	uint32_t number = events_number(events, event);

	for (uint32_t i = 0; i < events->reader->nr_slots; i++) {
		struct events_slot *slot = &events->reader->slots[i];

		if (slot->event == number && slot->cpu == cpu && slot->type == type)
			return slot;
	}
	return NULL;
}

static int open_failed(char **ret_error, int r, const struct events_event *event, unsigned int cpu)
{
	return fail(ret_error, r, "%s: cannot be opened on CPU %u: %s%s", events_terms(event)->spec,
		    cpu, strerror(-r), reader_advice(r, event->type));
}

/* Where a perf event is to be. */
struct place {
	uint32_t type; /* of the PMU, as in a slot */
	uint32_t cpu;
};

/* Refuses what would crash the kernel one day: the PMU of a slot says. Those of CPUs stay. */
static int check_scope(struct events *events, const struct events_event *event, uint32_t index,
		       char **ret_error)
{
	struct perf_file file;
	int r;

	if (event->type <= PERF_TYPE_BREAKPOINT || event->flags & EVENTS_CORE)
		return 0;
	r = events_inspect(events, index, &file);
	if (r < 0)
		return fail(ret_error, r, "%s: cannot be looked at: %s", events_terms(event)->spec,
			    strerror(-r));
	return file.faults ? fail(ret_error, -EOPNOTSUPP, EVENTS_FAULTS, events_terms(event)->spec)
			   : 0;
}

/* Opens an event in its places, in slots that are not yet in force. */
static int open_slots(struct events *events, const struct events_event *event,
		      const struct place *places, size_t nr, uint32_t *slots, char **ret_error)
{
	const char *spec = events_terms(event)->spec;
	uint32_t slot = 0;
	size_t i;
	int r = 0;

	if (!events_have_descriptors(events, nr))
		return open_failed(ret_error, -EMFILE, event, places[0].cpu);
	for (i = 0; i < nr && !r; i++) {
		int fd = reader_open(event, places[i].type, places[i].cpu);

		if (fd < 0) {
			r = open_failed(ret_error, fd, event, places[i].cpu);
			break;
		}
		if (events_find_slot(events, &slot) < 0) {
			close(fd);
			r = fail(ret_error, -ENOSPC,
				 "%s: no room for its %zu perf events (raise max in [events], and "
				 "see paimond.conf(5))",
				 spec, nr);
			break;
		}
		r = events_fill_slot(events, slot, fd, places[i].type, places[i].cpu,
				     event->current);
		if (r < 0) {
			fail(ret_error, r, "%s: cannot be kept: %s", spec, strerror(-r));
			break;
		}
		slots[i] = slot;
		if (!i || places[i].type != places[i - 1].type)
			r = check_scope(events, event, slot, ret_error);
	}
	while (r < 0 && i-- > 0)
		events_free_slot(events, slots[i]);
	return r;
}

/* A name that no other text gets: where it is too long, or not of a name's characters, its
 * beginning, a hash of all of it, and its end. */
static void shorten(const char *text, char ret_name[EVENTS_NAME_LEN])
{
	size_t length = strlen(text), ends = 22;
	bool cut = length >= EVENTS_NAME_LEN - 5; /* leaves room for a number */

	for (const char *c = text; *c; c++)
		cut |= !isalnum((unsigned char)*c) && !strchr(CONFIG_EVENT_NAME_CHARS, *c);
	if (cut)
		snprintf(ret_name, EVENTS_NAME_LEN, "%.*s.%012llx.%s", (int)ends, text,
			 (unsigned long long)hash(text) >> 16,
			 text + (length > ends ? length - ends : length));
	else
		strcpy(ret_name, text);
	for (char *c = ret_name; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr(CONFIG_EVENT_NAME_CHARS, *c))
			*c = '_';
}

/* A name that nothing has yet, from a text: with a number behind it if need be. */
static void events_make_name(const struct events *events, const char *text,
			     char ret_name[EVENTS_NAME_LEN])
{
	struct events_names *names = events->names;
	const struct events_event *first;
	char base[EVENTS_NAME_LEN];
	uint32_t index, number;

	shorten(text, base);
	strcpy(ret_name, base);
	first = events_find_name(events, base);
	if (!first)
		return;
	index = first - events->reader->events;
	number = names->events[index].closed == names->closed ? names->events[index].number : 2;
	do
		snprintf(ret_name, EVENTS_NAME_LEN, "%.*s.%u", EVENTS_NAME_LEN - 7, base, number++);
	while (events_find_name(events, ret_name));
	names->events[index].number = number - 1; /* it may not come to be */
	names->events[index].closed = names->closed;
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

/* Adds a PMU, on those CPUs of a list that it has and that are online, to places, which are
 * enough, and marks these CPUs as taken. pmu: NULL for any CPU. */
static int add_places(const struct events *events, const struct event_pmu *pmu, uint32_t type,
		      const unsigned int *asked, size_t nr_asked, bool *taken, struct place *places,
		      size_t *nr)
{
	_cleanup_free_ unsigned int *mask = NULL;
	size_t nr_mask = 0;
	int r = pmu && pmu->cpus ? cpulist_parse(pmu->cpus, MAX_CPU, &mask, &nr_mask) : 0;

	for (size_t i = 0; i < nr_asked && !r; i++) {
		if ((mask && !events_is_in(mask, nr_mask, asked[i])) ||
		    !events_is_in(events->cpus, events->nr_cpus, asked[i]))
			continue;
		taken[i] = true;
		places[(*nr)++] = (struct place){type, asked[i]};
	}
	return r;
}

/* Why a CPU that was asked for is not to be had. */
static int refuse_cpu(const struct events *events, const struct event_spec *spec, unsigned int cpu,
		      char **ret_error)
{
	if (!events_is_in(events->cpus, events->nr_cpus, cpu))
		return fail(ret_error, -EINVAL, "%s: CPU %u is not online (online: %s)", spec->text,
			    cpu, events->online);
	return fail(ret_error, -EINVAL, "%s: PMU %s counts %s, on CPUs %s, and not on %u",
		    spec->text, spec->pmu, spec->uncore ? "for the system" : "for its CPUs",
		    spec->cpus, cpu);
}

/* The PMUs and CPUs to open on. The caller frees *ret_places. */
static int choose_places(const struct events *events, const struct event_spec *spec,
			 const char *asked, struct place **ret_places, size_t *ret_nr,
			 char **ret_error)
{
	bool given = asked && *asked;
	const char *text = given ? asked : spec->cpus ?: events->online;
	size_t nr_pmus = spec->nr_pmus ?: 1, nr_cpus = 0, nr = 0;
	_cleanup_free_ struct place *places = NULL;
	_cleanup_free_ unsigned int *cpus = NULL;
	_cleanup_free_ bool *taken = NULL;
	int r = cpulist_parse(text, MAX_CPU, &cpus, &nr_cpus);

	if (r == -ENOMEM)
		return r;
	if (r < 0 || !nr_cpus)
		return fail(ret_error, -EINVAL, "%s: CPUs %s: is not a list as 0-3,8", spec->text,
			    text);
	places = calloc(nr_pmus * nr_cpus, sizeof(*places));
	taken = calloc(nr_cpus, sizeof(*taken));
	r = places && taken ? 0 : -ENOMEM;
	for (size_t i = 0; i < nr_pmus && !r; i++)
		r = add_places(events, spec->nr_pmus ? &spec->pmus[i] : NULL,
			       nr_pmus > 1 ? spec->pmus[i].type : 0, cpus, nr_cpus, taken, places,
			       &nr);
	if (r < 0)
		return r;
	/* What a PMU lists may be off. */
	for (size_t i = 0; i < nr_cpus; i++)
		if (!taken[i] && (given || !nr || spec->uncore))
			return refuse_cpu(events, spec, cpus[i], ret_error);
	*ret_places = places;
	*ret_nr = nr;
	places = NULL;
	return 0;
}

struct events_event *events_find_free(struct events *events, const char *text, char **ret_error)
{
	const struct reader *reader = events->reader;

	/* The one behind it is 0, and those after it have been given. */
	if (reader->state->last_id == UINT64_MAX) {
		fail(ret_error, -ENOSPC,
		     "%s: there is no id left for it, since each is given once (to begin with 1 "
		     "again stop paimond, then paimonctl purge events; it loses %s)",
		     text, state_loses("events"));
		return NULL;
	}
	for (; events->free_event < reader->nr_events; events->free_event++)
		if (!reader->events[events->free_event].id)
			return &reader->events[events->free_event];
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
	uint32_t index = event - reader->events;

	*event = *filled;
	events->given[index] = 0;
	events->lacking[index] = false;
	reader->state->last_id++;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	events->first[index] = NO_SLOT;
	for (size_t i = nr; i-- > 0;) {
		reader_commit(&reader->slots[slots[i]].event, events_number(events, event));
		events->next[slots[i]] = events->first[index];
		events->first[index] = slots[i];
	}
	events_index_name(events, index);
	events->newest = index;
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
	_cleanup_free_ struct place *places = NULL;
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
	r = r ?: choose_places(events, spec, cpus, &places, &nr, ret_error);
	if (r < 0)
		return r;
	slots = calloc(nr, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	r = open_slots(events, &filled, places, nr, slots, ret_error);
	if (r < 0)
		return r;
	*ret_id = events_put_in_force(events, event, &filled, slots, nr);
	return 0;
}

int events_try(const char *text, const char *cpus, bool opens, char **ret_error)
{
	_cleanup_(event_spec_freep) struct event_spec *spec = NULL;
	_cleanup_free_ struct place *places = NULL;
	struct events_event event = {};
	struct events events = {};
	size_t nr = 0;
	int fd, r;

	*ret_error = NULL;
	r = event_spec_parse(EVENT_SPEC_PMUS, EVENT_SPEC_TRACEPOINTS, text, &spec, ret_error);
	if (r < 0)
		return r;
	if (strlen(spec->text) >= sizeof(event.terms[0].spec))
		return fail(ret_error, -EINVAL, "%.80s: it is too long", spec->text);
	r = events_read_online(&events, &(unsigned int *){NULL}, &(size_t){0});
	if (r >= 0)
		r = choose_places(&events, spec, cpus, &places, &nr, ret_error);
	if (!r && opens) {
		event.terms[0] = make_terms(spec);
		event.type = spec->type;
		event.flags = spec->core ? EVENTS_CORE : 0;
		fd = reader_open(&event, places[0].type, places[0].cpu);
		if (fd < 0)
			r = open_failed(ret_error, fd, &event, places[0].cpu);
		else
			close(fd);
	}
	free(events.cpus);
	free(events.online);
	return r;
}

void events_close_event(struct events *events, struct events_event *event)
{
	uint32_t number = events_number(events, event);

	log_info("events: %s, event %llu, is closed", event->name, (unsigned long long)event->id);
	events_forget_name(events, number - 1);
	if (number - 1 < events->free_event)
		events->free_event = number - 1;
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
	if (spec->type != event->type || spec->level != !!(event->flags & EVENTS_LEVEL))
		return fail(ret_error, -EINVAL,
			    "%.80s: is another kind of event than %s (open it beside that)",
			    spec->text, before->spec);
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
	/* Another PMU may have the number by now. */
	if (!r) {
		r = check_scope(events, event, new, &error);
		if (r < 0)
			events_free_slot(events, new);
	}
	if (r < 0)
		log_error("events: %s does not count on CPU %u: %s (reload tries it again)",
			  event->name, cpu, error ?: strerror(-r));
	else if (before)
		events_replace_slot(events, before - events->reader->slots, new);
	else
		reader_commit(&events->reader->slots[new].event, events_number(events, event));
	return r;
}
