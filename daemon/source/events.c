// SPDX-License-Identifier: GPL-2.0
#include "events_source.h"

#include <bpf/libbpf.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysinfo.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../fdstore.h"
#include "../util/cleanup.h"
#include "../util/clock.h"
#include "../util/cpulist.h"
#include "../util/fail.h"
#include "../util/log.h"
#include "event_spec.h"
#include "inspect.h"
#include "pins.h"
#include "reader.h"
#include "source.h"

#define ONLINE "/sys/devices/system/cpu/online"
#define MAX_CPU 8191

#define NO_SLOT UINT32_MAX

/* The data of an attached source. */
struct events {
	struct reader *reader;
	int *fds;	    /* of the slots; -1: none, the event can only be read */
	uint32_t *first;    /* slots of the events, as of the latest link_slots() */
	uint32_t *next;	    /* of the same event; NO_SLOT: none */
	char online[256];   /* as the kernel writes it */
	unsigned int *cpus; /* the same */
	size_t nr_cpus;
	bool *disabled;		 /* of the slots: by someone who has a descriptor */
	uint64_t *given;	 /* of the events: descriptors handed out since start (d14) */
	struct inspect *inspect; /* NULL: nothing was handed over yet */
};

/* What a store before it has written is not written after it, should the daemon die. */
static void commit32(__u32 *word, __u32 value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/* Slots */

static void store_name(uint32_t slot, char ret_name[32])
{
	snprintf(ret_name, 32, "event-%u", slot);
}

/* Empties a slot, whatever is in it. */
static void free_slot(struct events *events, uint32_t slot)
{
	char name[32];

	commit32(&events->reader->slots[slot].event, 0);
	reader_remove(events->reader, slot);
	if (events->fds[slot] >= 0) {
		store_name(slot, name);
		fdstore_remove(name);
		close(events->fds[slot]);
		events->fds[slot] = -1;
	}
	events->disabled[slot] = false;
}

static const struct events_count *slot_count(const struct events_slot *slot)
{
	return &slot->counts[slot->current & 1];
}

static void set_count(struct events_slot *slot, const struct events_count *count)
{
	slot->counts[~slot->current & 1] = *count;
	commit32(&slot->current, slot->current + 1);
}

static struct events_reading sum(struct events_reading a, const struct events_reading *b)
{
	a.value += b->value;
	a.enabled += b->enabled;
	a.running += b->running;
	return a;
}

/* All that an event has counted in a slot so far. */
static struct events_reading slot_total(const struct events_slot *slot)
{
	const struct events_count *count = slot_count(slot);

	return sum(count->base, &count->seen);
}

/*
 * Puts a perf event into a free slot, not yet into force: free_slot() undoes it.
 * Takes fd.
 */
static int fill_slot(struct events *events, uint32_t index, int fd, uint32_t cpu)
{
	struct events_slot *slot = &events->reader->slots[index];
	char name[32];
	int r = 0;

	memset(slot, 0, sizeof(*slot));
	slot->cpu = cpu;
	store_name(index, name);
	if (ioctl(fd, PERF_EVENT_IOC_ID, &slot->perf_id) < 0)
		r = -errno;
	r = r ?: reader_put(events->reader, index, fd);
	if (!r && fdstore_available())
		r = fdstore_put(name, fd);
	events->fds[index] = fd;
	if (r < 0)
		free_slot(events, index);
	else
		reader_set_cpu(events->reader, index, cpu);
	return r;
}

/* Puts a filled slot in the place of another one, whose total goes on in it. */
static void replace_slot(struct events *events, uint32_t old, uint32_t new)
{
	struct events_slot *slots = events->reader->slots;

	slots[new].counts[slots[new].current & 1].base = slot_total(&slots[old]);
	slots[new].seq = slots[old].seq + 1;
	commit32(&slots[new].event, slots[old].event);
	free_slot(events, old);
}

/* A free slot at or behind *index, which is moved there. 0 or -ENOSPC. */
static int find_slot(const struct events *events, uint32_t *index)
{
	for (; *index < events->reader->nr_slots; ++*index)
		if (!events->reader->slots[*index].event && events->fds[*index] < 0)
			return 0;
	return -ENOSPC;
}

/* Finds out which slots every event has: there are many of both. */
static void link_slots(struct events *events)
{
	const struct reader *reader = events->reader;

	memset(events->first, 0xff, reader->nr_events * sizeof(*events->first));
	for (uint32_t i = reader->nr_slots; i-- > 0;) {
		uint32_t event = reader->slots[i].event;

		if (!event)
			continue;
		events->next[i] = events->first[event - 1];
		events->first[event - 1] = i;
	}
}

#define for_each_slot(i, events, event)                                                   \
	for (uint32_t i = (events)->first[event_number(events, event) - 1]; i != NO_SLOT; \
	     i = (events)->next[i])

/* CPUs */

/* Reads which CPUs are online. Returns 1 if they are others than before, and gives up
 * those before; 0, or a negative errno. */
static int read_online(struct events *events, unsigned int **ret_before, size_t *ret_nr_before)
{
	char text[sizeof(events->online)] = "";
	FILE *file = fopen(ONLINE, "re");
	unsigned int *cpus;
	bool read;
	size_t nr;
	int r;

	if (!file)
		return -errno;
	read = fgets(text, sizeof(text), file);
	fclose(file);
	text[strcspn(text, "\n")] = '\0';
	if (events->cpus && !strcmp(text, events->online))
		return 0;
	r = read ? cpulist_parse(text, MAX_CPU, &cpus, &nr) : -EIO;
	if (r < 0)
		return r;
	*ret_before = events->cpus;
	*ret_nr_before = events->nr_cpus;
	events->cpus = cpus;
	events->nr_cpus = nr;
	strcpy(events->online, text);
	return 1;
}

static bool is_in(const unsigned int *cpus, size_t nr, unsigned int cpu)
{
	for (size_t i = 0; i < nr; i++)
		if (cpus[i] == cpu)
			return true;
	return false;
}

/* Opening and closing */

static struct events_event *find_event(const struct events *events, uint64_t id)
{
	for (uint32_t i = 0; id && i < events->reader->nr_events; i++)
		if (events->reader->events[i].id == id)
			return &events->reader->events[i];
	return NULL;
}

static struct events_event *find_name(const struct events *events, const char *name)
{
	for (uint32_t i = 0; i < events->reader->nr_events; i++)
		if (events->reader->events[i].id && !strcmp(events->reader->events[i].name, name))
			return &events->reader->events[i];
	return NULL;
}

/* The number of an event's element, as its slots have it. */
static uint32_t event_number(const struct events *events, const struct events_event *event)
{
	return event - events->reader->events + 1;
}

/* struct perf_event_attr of Linux 6.3 and later, which has config3; the headers may be older. */
union attr {
	struct perf_event_attr attr;
	struct {
		char to_config3[128];
		__u64 config3;
	};
};

/* A perf event of the CPU, or a negative errno. */
static int open_perf_event(const struct events_event *event, unsigned int cpu)
{
	union attr u = {};
	int fd;

	u.config3 = event->config[3];
	u.attr.size = u.config3 ? sizeof(u) : PERF_ATTR_SIZE_VER7;
	u.attr.type = event->type;
	u.attr.config = event->config[0];
	u.attr.config1 = event->config[1];
	u.attr.config2 = event->config[2];
	fd = syscall(SYS_perf_event_open, &u, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int open_failed(char **ret_error, int r, const char *spec, unsigned int cpu)
{
	const char *next = r == -EACCES || r == -EPERM
				   ? " (Debian's kernel.perf_event_paranoid = 3 asks for more than "
				     "CAP_PERFMON: sysctl kernel.perf_event_paranoid=2)"
			   : r == -EMFILE ? " (raise LimitNOFILE of paimond.service)"
			   : r == -ENOENT || r == -EOPNOTSUPP || r == -EINVAL
				   ? " (the PMU does not take this event: see paimonctl list)"
				   : "";

	return fail(ret_error, r, "%s: cannot be opened on CPU %u: %s%s", spec, cpu, strerror(-r),
		    next);
}

/* Opens an event on its CPUs, in slots that are not yet in force. */
static int open_slots(struct events *events, const struct events_event *event,
		      const unsigned int *cpus, size_t nr_cpus, uint32_t *slots, char **ret_error)
{
	uint32_t slot = 0;
	size_t i;
	int r = 0;

	for (i = 0; i < nr_cpus; i++) {
		int fd = open_perf_event(event, cpus[i]);

		if (fd < 0) {
			r = open_failed(ret_error, fd, event->spec, cpus[i]);
			break;
		}
		if (find_slot(events, &slot) < 0) {
			close(fd);
			r = fail(ret_error, -ENOSPC,
				 "%s: no room for it on %zu CPUs (raise max in [events], and see "
				 "paimond.conf(5))",
				 event->spec, nr_cpus);
			break;
		}
		r = fill_slot(events, slot, fd, cpus[i]);
		if (r < 0) {
			fail(ret_error, r, "%s: cannot be kept: %s", event->spec, strerror(-r));
			break;
		}
		slots[i] = slot;
	}
	while (r < 0 && i-- > 0)
		free_slot(events, slots[i]);
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
	for (unsigned int i = 2; find_name(events, ret_name); i++)
		snprintf(ret_name, EVENTS_NAME_LEN, "%s.%u", base, i);
}

static void take_terms(struct events_event *event, const struct event_spec *spec)
{
	event->type = spec->type;
	event->config[0] = spec->config;
	event->config[1] = spec->config1;
	event->config[2] = spec->config2;
	event->config[3] = spec->config3;
}

/* Fills in all but the id. */
static int describe(struct events *events, struct events_event *event,
		    const struct event_spec *spec, const char *name, const char *cpus,
		    const struct events_owner *owner, char **ret_error)
{
	memset(event, 0, sizeof(*event));
	if (name && !config_event_name_valid(name))
		return fail(ret_error, -EINVAL, "\"%.80s\" " CONFIG_NOT_EVENT_NAME, name);
	if (name && find_name(events, name))
		return fail(ret_error, -EEXIST,
			    "%s: there is an event of this name (paimonctl event list)", name);
	if (strlen(spec->text) >= sizeof(event->spec) || strlen(spec->pmu) >= sizeof(event->pmu) ||
	    strlen(spec->unit) >= sizeof(event->unit) ||
	    strlen(spec->scale) >= sizeof(event->scale) ||
	    strlen(cpus ?: "") >= sizeof(event->cpus))
		return fail(ret_error, -EINVAL, "%.80s: it, or its list of CPUs, is too long",
			    spec->text);
	if (name)
		strcpy(event->name, name);
	else
		make_name(events, spec->text, event->name);
	strcpy(event->spec, spec->text);
	strcpy(event->pmu, spec->pmu);
	strcpy(event->unit, spec->unit);
	strcpy(event->scale, spec->scale);
	strcpy(event->cpus, cpus ?: "");
	memcpy(event->comm, owner->comm, sizeof(event->comm));
	take_terms(event, spec);
	event->origin = owner->origin;
	event->uid = owner->uid;
	event->pid = owner->pid;
	event->opened_ns = clock_ns(CLOCK_REALTIME);
	return 0;
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
		if (!is_in(events->cpus, events->nr_cpus, cpus[i]))
			return fail(ret_error, -EINVAL, "%s: CPU %u is not online (online: %s)",
				    spec->text, cpus[i], events->online);
	*ret_cpus = cpus;
	*ret_nr = nr;
	cpus = NULL;
	return 0;
}

/* A free element of the list, or NULL. */
static struct events_event *find_free(const struct events *events, const char *text,
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
static uint64_t put_in_force(struct events *events, struct events_event *event,
			     const struct events_event *filled, const uint32_t *slots, size_t nr)
{
	struct reader *reader = events->reader;

	*event = *filled;
	events->given[event - reader->events] = 0;
	reader->state->last_id++;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	for (size_t i = 0; i < nr; i++)
		commit32(&reader->slots[slots[i]].event, event_number(events, event));
	__atomic_store_n(&event->id, reader->state->last_id, __ATOMIC_RELEASE);
	log_info("events: %s is event %llu: %s", event->name, (unsigned long long)event->id,
		 event->spec);
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
	event = find_free(events, spec->text, ret_error);
	if (!event)
		return -ENOSPC;
	r = describe(events, &filled, spec, name, cpus, owner, ret_error);
	r = r ?: choose_cpus(events, spec, cpus, &list, &nr, ret_error);
	if (r < 0)
		return r;
	slots = calloc(nr, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	r = open_slots(events, &filled, list, nr, slots, ret_error);
	if (r < 0)
		return r;
	*ret_id = put_in_force(events, event, &filled, slots, nr);
	return 0;
}

static void close_event(struct events *events, struct events_event *event)
{
	uint32_t number = event_number(events, event);

	log_info("events: %s, event %llu, is closed", event->name, (unsigned long long)event->id);
	__atomic_store_n(&event->id, 0, __ATOMIC_RELEASE);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	for (uint32_t i = 0; i < events->reader->nr_slots; i++)
		if (events->reader->slots[i].event == number)
			free_slot(events, i);
}

static int no_event(uint64_t id, char **ret_error)
{
	return fail(ret_error, -ENOENT, "there is no event %llu (paimonctl event list)",
		    (unsigned long long)id);
}

int events_close(struct source *source, uint64_t id, char **ret_error)
{
	struct events_event *event = find_event(source->data, id);

	if (!event)
		return no_event(id, ret_error);
	close_event(source->data, event);
	return 0;
}

/* CPUs that come and go */

/* Opens an event on a CPU once more, in place of what is in slot before, or NULL. */
static int open_again(struct events *events, struct events_event *event, unsigned int cpu,
		      struct events_slot *before)
{
	int fd = open_perf_event(event, cpu), r;
	uint32_t new = 0;

	if (fd < 0)
		return fd;
	r = find_slot(events, &new);
	if (r < 0) {
		close(fd);
		return r;
	}
	r = fill_slot(events, new, fd, cpu);
	if (r < 0)
		return r;
	if (before)
		replace_slot(events, before - events->reader->slots, new);
	else
		commit32(&events->reader->slots[new].event, event_number(events, event));
	return 0;
}

/* The slot that an event has for a CPU, or NULL. */
static struct events_slot *slot_on(struct events *events, const struct events_event *event,
				   unsigned int cpu)
{
	uint32_t number = event_number(events, event);

	for (uint32_t i = 0; i < events->reader->nr_slots; i++)
		if (events->reader->slots[i].event == number && events->reader->slots[i].cpu == cpu)
			return &events->reader->slots[i];
	return NULL;
}

/* The CPUs that a system PMU counts on now, or NULL: it is not one. */
static char *read_cpumask(const struct events_event *event)
{
	_cleanup_free_ char *path = NULL;
	char text[EVENTS_SPEC_LEN] = "";
	FILE *file;

	if (asprintf(&path, EVENT_SPEC_PMUS "/%s/cpumask", event->pmu) < 0)
		return NULL;
	file = fopen(path, "re");
	if (!file)
		return NULL;
	if (!fgets(text, sizeof(text), file))
		text[0] = '\0';
	fclose(file);
	text[strcspn(text, "\n")] = '\0';
	return strdup(text);
}

/* The kernel takes the events of a system PMU along, from a CPU that goes off to
 * another one of its mask: they are to be read there. */
static void follow_cpumask(struct events *events, struct events_event *event, const char *mask)
{
	uint32_t number = event_number(events, event);
	_cleanup_free_ unsigned int *cpus = NULL;
	size_t nr, next = 0;

	if (cpulist_parse(mask, MAX_CPU, &cpus, &nr) < 0)
		return;
	for (uint32_t i = 0; i < events->reader->nr_slots; i++) {
		struct events_slot *slot = &events->reader->slots[i];

		if (slot->event != number || is_in(cpus, nr, slot->cpu))
			continue;
		while (next < nr && slot_on(events, event, cpus[next]))
			next++;
		if (next == nr)
			return;
		commit32(&slot->cpu, cpus[next]);
		reader_set_cpu(events->reader, i, slot->cpu);
	}
}

/* A CPU has come back: the perf event that it had stands still for ever. */
static void cpu_on(struct events *events, struct events_event *event, unsigned int cpu)
{
	struct events_slot *before = slot_on(events, event, cpu);
	int r;

	if (event->origin == EVENTS_FROM_HANDOFF) {
		/* Not all that it was opened with is known. */
		if (before)
			log_warning("events: %s was opened by another process: it counts no more "
				    "on CPU %u, which was off",
				    event->name, cpu);
		return;
	}
	if (!before && event->cpus[0])
		return;
	r = open_again(events, event, cpu, before);
	if (r < 0)
		log_error("events: %s does not count on CPU %u: %s", event->name, cpu,
			  strerror(-r));
	else
		event->reopened++;
}

/* A CPU that is back, or new, is noticed at the next reading. */
static void follow_cpus(struct events *events)
{
	_cleanup_free_ unsigned int *before = NULL;
	size_t nr_before;

	if (read_online(events, &before, &nr_before) <= 0)
		return;
	for (uint32_t i = 0; i < events->reader->nr_events; i++) {
		struct events_event *event = &events->reader->events[i];
		_cleanup_free_ char *mask = event->id ? read_cpumask(event) : NULL;

		if (mask)
			follow_cpumask(events, event, mask);
		for (size_t j = 0; event->id && !mask && j < events->nr_cpus; j++)
			if (!is_in(before, nr_before, events->cpus[j]))
				cpu_on(events, event, events->cpus[j]);
	}
}

/* Reading */

/* Takes a reading into a slot's account. Returns whether its time stands still. */
static bool account(struct events_event *event, struct events_slot *slot,
		    const struct events_value *value)
{
	struct events_count count = *slot_count(slot);
	bool stalled = value->reading.enabled && value->reading.enabled == count.seen.enabled;

	if (value->error)
		return false;
	if (value->reading.value < count.seen.value) {
		/* Whoever holds a descriptor may reset it; the total goes on (d15). */
		count.base.value += count.seen.value;
		event->resets++;
		log_warning("events: %s was reset by someone on CPU %u; its total goes on",
			    event->name, slot->cpu);
	}
	if (memcmp(&count.seen, &value->reading, sizeof(count.seen))) {
		count.seen = value->reading;
		set_count(slot, &count);
	}
	return stalled;
}

/* A perf event whose time stands still was disabled by someone (d15), or its CPU was off
 * and is back, unnoticed: then it stands still for ever. */
static void look_at_stalled(struct events *events, uint32_t index)
{
	struct events_slot *slot = &events->reader->slots[index];
	struct events_event *event = &events->reader->events[slot->event - 1];
	_cleanup_free_ char *error = NULL;
	struct perf_file file;

	if (!events->inspect && inspect_new(&events->inspect, &error) < 0)
		return;
	if (inspect_look(events->inspect, &events->fds[index], 1, &file, &error) < 0)
		return;
	if (file.detached)
		cpu_on(events, event, slot->cpu);
	else
		log_warning("events: %s was disabled by someone on CPU %u", event->name, slot->cpu);
	/* One that cannot be opened anew is said to be disabled, once. */
	events->disabled[index] = !file.detached || event->origin == EVENTS_FROM_HANDOFF;
}

static void read_all(struct events *events)
{
	struct reader *reader = events->reader;
	uint32_t nr = reader->nr_slots;

	follow_cpus(events);
	reader_read(reader);
	for (uint32_t i = 0; i < nr; i++) {
		struct events_slot *slot = &reader->slots[i];

		if (!slot->event || reader->cpus[i] < 0)
			continue;
		if (!account(&reader->events[slot->event - 1], slot, &reader->values[i]))
			events->disabled[i] = false;
		else if (events->fds[i] >= 0 && !events->disabled[i])
			look_at_stalled(events, i);
	}
	link_slots(events);
}

/* Changing */

/* Opens what replaces the slots of an event. 0, with the new ones in *ret_slots, -1
 * where there is no old one, or a negative errno and nothing is left of them. */
static int open_replacements(struct events *events, const struct events_event *event,
			     uint32_t number, int64_t *slots, char **ret_error)
{
	struct events_slot *old = events->reader->slots;
	uint32_t new = 0;
	int r = 0;

	for (uint32_t i = 0; i < events->reader->nr_slots; i++)
		slots[i] = -1;
	for (uint32_t i = 0; i < events->reader->nr_slots && !r; i++) {
		int fd;

		if (old[i].event != number)
			continue;
		fd = open_perf_event(event, old[i].cpu);
		if (fd < 0) {
			r = open_failed(ret_error, fd, event->spec, old[i].cpu);
			break;
		}
		r = find_slot(events, &new);
		if (r < 0)
			close(fd);
		r = r ?: fill_slot(events, new, fd, old[i].cpu);
		if (r < 0)
			fail(ret_error, r, "%s: cannot be kept beside what it replaces: %s",
			     event->spec, strerror(-r));
		else
			slots[i] = new;
	}
	for (uint32_t i = 0; r < 0 && i < events->reader->nr_slots; i++)
		if (slots[i] >= 0)
			free_slot(events, slots[i]);
	return r;
}

int events_set(struct source *source, uint64_t id, const char *terms, char **ret_error)
{
	struct events *events = source->data;
	struct events_event *event = find_event(events, id), changed;
	_cleanup_(event_spec_freep) struct event_spec *spec = NULL;
	_cleanup_free_ char *text = NULL;
	_cleanup_free_ int64_t *slots = NULL;
	int r;

	*ret_error = NULL;
	if (!event)
		return no_event(id, ret_error);
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
	if (event_spec_set(event->spec, terms, &text) < 0)
		return fail(ret_error, -EINVAL, "%s: its terms cannot be set to %.80s", event->spec,
			    terms);
	r = event_spec_parse(EVENT_SPEC_PMUS, EVENT_SPEC_TRACEPOINTS, text, &spec, ret_error);
	if (r < 0)
		return r == -ENOENT ? -EINVAL : r;
	if (strlen(spec->text) >= sizeof(event->spec))
		return fail(ret_error, -EINVAL, "%.80s: it is too long", spec->text);
	slots = malloc(events->reader->nr_slots * sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	/* First what CPUs that came back need: it moves slots. */
	read_all(events);
	changed = *event;
	strcpy(changed.spec, spec->text);
	take_terms(&changed, spec);
	r = open_replacements(events, &changed, event_number(events, event), slots, ret_error);
	if (r < 0)
		return r == -ENOENT ? -EINVAL : r;
	reader_read(events->reader);
	for (uint32_t i = 0; i < events->reader->nr_slots; i++)
		if (slots[i] >= 0) {
			account(event, &events->reader->slots[i], &events->reader->values[i]);
			replace_slot(events, i, slots[i]);
		}
	log_info("events: %s, event %llu, is %s now; it was %s", event->name,
		 (unsigned long long)event->id, changed.spec, event->spec);
	strcpy(event->spec, changed.spec);
	take_terms(event, spec);
	event->changes++;
	return 0;
}

/* What an earlier daemon left */

/* Of two slots of the same event and CPU the one that the other replaced goes. */
static void drop_replaced(struct events *events, const struct events_event *event)
{
	struct events_slot *slots = events->reader->slots;

	for_each_slot(i, events, event)
		for_each_slot(j, events, event)
			if (slots[i].cpu == slots[j].cpu && slots[i].seq < slots[j].seq) {
				free_slot(events, i);
				break;
			}
}

/* The descriptor of a slot's perf event, from systemd's store, or -1. */
static int take_descriptor(const struct events_slot *slot, uint32_t index)
{
	uint64_t perf_id;
	char name[32];
	int fd;

	store_name(index, name);
	fd = fdstore_take(name);
	if (fd < 0)
		return -1;
	if (slot->event && !ioctl(fd, PERF_EVENT_IOC_ID, &perf_id) && perf_id == slot->perf_id)
		return fd;
	fdstore_remove(name);
	close(fd);
	return -1;
}

static void harmless(char *text, size_t size)
{
	text[size - 1] = '\0';
	for (char *c = text; *c; c++)
		if (!isprint((unsigned char)*c))
			*c = '?';
}

/* Texts are text and ids are given once, whatever the maps hold. */
static void check_event(struct events *events, struct events_event *event)
{
	harmless(event->name, sizeof(event->name));
	harmless(event->spec, sizeof(event->spec));
	harmless(event->pmu, sizeof(event->pmu));
	harmless(event->unit, sizeof(event->unit));
	harmless(event->scale, sizeof(event->scale));
	harmless(event->cpus, sizeof(event->cpus));
	harmless(event->comm, sizeof(event->comm));
	if (event->id > events->reader->state->last_id)
		events->reader->state->last_id = event->id;
}

static void recover(struct events *events)
{
	struct reader *reader = events->reader;

	for (uint32_t i = 0; i < reader->nr_events; i++)
		check_event(events, &reader->events[i]);
	for (uint32_t i = 0; i < reader->nr_slots; i++) {
		const struct events_slot *slot = &reader->slots[i];

		events->fds[i] = take_descriptor(slot, i);
		if (slot->event > reader->nr_events || slot->cpu > MAX_CPU ||
		    (slot->event && !reader->events[slot->event - 1].id))
			free_slot(events, i);
		else if (slot->event)
			reader_set_cpu(reader, i, slot->cpu);
		else if (reader->reused)
			reader_remove(reader, i); /* of a daemon that died while it opened one */
	}
	link_slots(events);
	for (uint32_t i = 0; i < reader->nr_events; i++)
		if (reader->events[i].id)
			drop_replaced(events, &reader->events[i]);
}

/* The configuration's events */

static const struct config_event *configured(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->nr_events; i++)
		if (!strcmp(config->events[i].name, name))
			return &config->events[i];
	return NULL;
}

/* Is an event as the configuration has it? What cannot be told counts on. */
static bool is_as_configured(const struct events_event *event, const struct config_event *wanted)
{
	_cleanup_(event_spec_freep) struct event_spec *spec = NULL;
	_cleanup_free_ char *error = NULL;

	if (strcmp(wanted->cpus ?: "", event->cpus))
		return false;
	return event_spec_parse(EVENT_SPEC_PMUS, EVENT_SPEC_TRACEPOINTS, wanted->spec, &spec,
				&error) < 0 ||
	       !strcmp(spec->text, event->spec);
}

/* Opens what the configuration has, and closes what it has no more. What cannot be
 * opened does not hold up the others; it is named, but not over and over. */
static void take_config(struct source *source, bool again)
{
	const struct events_owner owner = {.origin = EVENTS_FROM_CONFIG};
	struct events *events = source->data;

	source->reason[0] = '\0';
	for (uint32_t i = 0; i < events->reader->nr_events; i++) {
		struct events_event *event = &events->reader->events[i];
		const struct config_event *wanted;

		if (!event->id || event->origin != EVENTS_FROM_CONFIG)
			continue;
		wanted = configured(source->config, event->name);
		if (!wanted || !is_as_configured(event, wanted))
			close_event(events, event);
	}
	for (size_t i = 0; i < source->config->nr_events; i++) {
		const struct config_event *wanted = &source->config->events[i];
		const struct events_event *event = find_name(events, wanted->name);
		_cleanup_free_ char *error = NULL;
		uint64_t id;

		if (event && event->origin == EVENTS_FROM_CONFIG)
			continue;
		if (events_open(source, wanted->spec, wanted->name, wanted->cpus, &owner, &id,
				&error) < 0) {
			source_fail(source, 0, "[event %s]: %s", wanted->name,
				    error ?: "no memory");
			if (!again)
				log_error("events: %s", source->reason);
		}
	}
}

/* Events from other processes */

/* Refuses what cannot be kept, or not as one event. */
static int check_file(const struct events *events, const struct perf_file *files, size_t i, int fd,
		      char **ret_error)
{
	const struct perf_file *file = &files[i];
	uint64_t perf_id;

	if (file->dead) /* d1 */
		return fail(ret_error, -ENOENT, "%s: the perf event is dead", file->pmu);
	if (file->task || file->cpu < 0) /* d2 */
		return fail(ret_error, -EINVAL,
			    "%s: the perf event counts for a task (open it with pid -1 and a CPU)",
			    file->pmu);
	if (!is_in(events->cpus, events->nr_cpus, file->cpu))
		return fail(ret_error, -EINVAL, "%s: CPU %d is not online (online: %s)", file->pmu,
			    file->cpu, events->online);
	if (ioctl(fd, PERF_EVENT_IOC_ID, &perf_id) < 0)
		return fail(ret_error, -errno, "%s: has no id: %s", file->pmu, strerror(errno));
	for (uint32_t j = 0; j < events->reader->nr_slots; j++) /* d3, d11: on one thread */
		if (events->reader->slots[j].event && events->reader->slots[j].perf_id == perf_id)
			return fail(ret_error, -EEXIST,
				    "%s: the perf event on CPU %d is kept already, by event %llu",
				    file->pmu, file->cpu,
				    (unsigned long long)events->reader
					    ->events[events->reader->slots[j].event - 1]
					    .id);
	if (file->mapped) /* d4 */
		return fail(ret_error, -EBUSY,
			    "%s: the buffer of the perf event on CPU %d is mapped (unmap it)",
			    file->pmu, file->cpu);
	if (file->inherit)
		return fail(ret_error, -EOPNOTSUPP,
			    "%s: the perf event is inherited (open it with inherit = 0)",
			    file->pmu);
	if (file->pmu_type != files[0].pmu_type || file->attr_type != files[0].attr_type ||
	    memcmp(file->config, files[0].config, sizeof(file->config)))
		return fail(ret_error, -EINVAL,
			    "%s: the perf events count different things (hand them over one by "
			    "one)",
			    file->pmu);
	for (size_t j = 0; j < i; j++) /* d13 */
		if (files[j].cpu == file->cpu)
			return fail(ret_error, -EINVAL,
				    "%s: two of the perf events count on CPU %d (hand them over "
				    "one by one)",
				    file->pmu, file->cpu);
	return 0;
}

/* Fills in all but the id, from what the kernel says. */
static int describe_file(struct events *events, struct events_event *event, struct perf_file *file,
			 const char *name, const struct events_owner *owner, char **ret_error)
{
	bool generic = file->attr_type == PERF_TYPE_HARDWARE ||
		       file->attr_type == PERF_TYPE_HW_CACHE;
	/* Addresses, maybe of the kernel, are not for whoever reads the list. */
	bool is_at_address = file->attr_type == PERF_TYPE_BREAKPOINT ||
			     !strcmp(file->pmu, "kprobe") || !strcmp(file->pmu, "uprobe");
	char text[EVENTS_SPEC_LEN], none[] = "";
	struct event_spec spec = {
		.text = text,
		.pmu = file->attr_type == PERF_TYPE_HARDWARE   ? (char[]){"hardware"}
		       : file->attr_type == PERF_TYPE_HW_CACHE ? (char[]){"hw-cache"}
							       : file->pmu,
		.type = generic ? file->attr_type : file->pmu_type,
		.config = file->config[0],
		.config1 = file->config[1],
		.config2 = file->config[2],
		.config3 = file->config[3],
		.unit = none,
		.scale = none,
	};
	int length = snprintf(text, sizeof(text), "%s/config=0x%llx", spec.pmu,
			      (unsigned long long)file->config[0]);

	for (int i = 1; i < 4 && !is_at_address; i++)
		if (file->config[i])
			length += snprintf(text + length, sizeof(text) - length, ",config%d=0x%llx",
					   i, (unsigned long long)file->config[i]);
	strcpy(text + length, "/");
	return describe(events, event, &spec, name && *name ? name : NULL, NULL, owner, ret_error);
}

/* Puts copies of the descriptors into slots that are not yet in force. */
static int fill_slots(struct events *events, const struct perf_file *files, const int *fds,
		      size_t nr, uint32_t *slots, char **ret_error)
{
	uint32_t slot = 0;
	int r = 0;
	size_t i;

	for (i = 0; i < nr; i++) {
		int fd;

		r = find_slot(events, &slot);
		if (r < 0)
			break;
		fd = fcntl(fds[i], F_DUPFD_CLOEXEC, 0);
		r = fd < 0 ? -errno : fill_slot(events, slot, fd, files[i].cpu);
		if (r < 0)
			break;
		slots[i] = slot;
	}
	if (r < 0)
		fail(ret_error, r, "%s: cannot be kept on CPU %d: %s%s", files[i].pmu, files[i].cpu,
		     strerror(-r),
		     r == -ENOSPC   ? " (raise max in [events], and see paimond.conf(5))"
		     : r == -EMFILE ? " (raise LimitNOFILE of paimond.service)"
				    : "");
	while (r < 0 && i-- > 0)
		free_slot(events, slots[i]); /* d8 */
	return r;
}

int events_keep(struct source *source, const int *fds, size_t nr, const char *name,
		const struct events_owner *owner, uint64_t *ret_id, char **ret_error)
{
	struct events *events = source->data;
	struct perf_file files[PERF_FILE_MAX];
	struct events_event *event, filled;
	uint32_t slots[PERF_FILE_MAX];
	int r = 0;

	*ret_error = NULL;
	if (!nr || nr > PERF_FILE_MAX)
		return fail(ret_error, -EINVAL, "%zu descriptors: 1 to %d can be handed over", nr,
			    PERF_FILE_MAX);
	if (!events->inspect)
		r = inspect_new(&events->inspect, ret_error);
	r = r ?: inspect_look(events->inspect, fds, nr, files, ret_error);
	follow_cpus(events);
	for (size_t i = 0; i < nr && !r; i++)
		r = check_file(events, files, i, fds[i], ret_error);
	if (r < 0)
		return r;
	event = find_free(events, files[0].pmu, ret_error);
	r = event ? describe_file(events, &filled, files, name, owner, ret_error) : -ENOSPC;
	r = r ?: fill_slots(events, files, fds, nr, slots, ret_error);
	if (r < 0)
		return r;
	*ret_id = put_in_force(events, event, &filled, slots, nr);
	return 0;
}

static bool may_use(const struct events_event *event, uint32_t uid)
{
	return !uid || uid == event->uid;
}

static int not_owner(const struct events_event *event, char **ret_error)
{
	return fail(ret_error, -EACCES, "%s: is for user %u, who asked for it, and root",
		    event->name, event->uid);
}

int events_descriptor(struct source *source, uint64_t id, uint32_t cpu, uint32_t uid, int *ret_fd,
		      char **ret_error)
{
	struct events *events = source->data;
	const struct events_event *event = find_event(events, id);
	const struct events_slot *slot;
	int nr_possible = libbpf_num_possible_cpus(), fd;

	*ret_error = NULL;
	if (nr_possible > 0 && cpu >= (unsigned int)nr_possible) /* d7, to the end */
		return fail(ret_error, -EINVAL, "there is no CPU %u: they end at %d", cpu,
			    nr_possible - 1);
	if (!event)
		return no_event(id, ret_error);
	if (!may_use(event, uid))
		return not_owner(event, ret_error);
	slot = slot_on(events, event, cpu);
	if (!slot)
		return fail(ret_error, -ENOENT, "%s: does not count on CPU %u", event->name, cpu);
	fd = events->fds[slot - events->reader->slots];
	if (fd < 0)
		return fail(ret_error, -ESTALE,
			    "%s: only its count is left to read: the paimond that had its "
			    "descriptors is gone",
			    event->name);
	events->given[event - events->reader->events]++;
	*ret_fd = fd;
	return 0;
}

int events_claim(struct source *source, uint64_t id, uint32_t uid, char **ret_error)
{
	struct events *events = source->data;
	struct events_event *event = find_event(events, id);

	*ret_error = NULL;
	if (!event) /* d9 */
		return fail(ret_error, -EINVAL, "no event %llu is kept (paimonctl event list)",
			    (unsigned long long)id);
	if (!may_use(event, uid))
		return not_owner(event, ret_error);
	if (event->origin == EVENTS_FROM_CONFIG)
		return fail(ret_error, -EACCES,
			    "%s: the configuration keeps it (take it out of there, and reload)",
			    event->name);
	close_event(events, event); /* d10, d12: as if it had never been kept */
	return 0;
}

/* What is served */

static const struct metric metric_value = {
	.name = "paimon_event_value_total",
	.help = "Count of a kept perf event, as the kernel gives it: not scaled.",
	.type = METRIC_COUNTER,
};
static const struct metric metric_enabled = {
	.name = "paimon_event_enabled_seconds_total",
	.help = "Time that a kept perf event was enabled, over its CPUs.",
	.type = METRIC_COUNTER,
};
static const struct metric metric_running = {
	.name = "paimon_event_running_seconds_total",
	.help = "Time that a kept perf event was on a counter, over its CPUs.",
	.type = METRIC_COUNTER,
};
static const struct metric metric_info = {
	.name = "paimon_event_info",
	.help = "What a kept perf event counts; always 1.",
	.type = METRIC_GAUGE,
};
static const struct metric metric_persistent = {
	.name = "paimon_persistent_events",
	.help = "Kept perf events by what can be done with them.",
	.type = METRIC_GAUGE,
};
static const struct metric metric_resets = {
	.name = "paimon_event_resets_total",
	.help = "Readings of a kept perf event that went back, since someone reset it.",
	.type = METRIC_COUNTER,
};
static const struct metric metric_changes = {
	.name = "paimon_event_changes_total",
	.help = "Changes of the terms of a kept perf event while it counted.",
	.type = METRIC_COUNTER,
};
static const struct metric metric_reopened = {
	.name = "paimon_event_reopened_total",
	.help = "Perf events opened anew for a kept event, since their CPU had been off.",
	.type = METRIC_COUNTER,
};

/* counting: the daemon has descriptors of all of it. read: only reading is left.
 * disabled: by someone, on one of its CPUs at least. */
enum state { STATE_COUNTING, STATE_READ, STATE_DISABLED, NR_STATES };
static const char *const state_names[NR_STATES] = {"counting", "read", "disabled"};

static enum state event_state(const struct events *events, const struct events_event *event)
{
	bool disabled = false;

	for_each_slot(i, events, event) {
		if (events->fds[i] < 0)
			return STATE_READ;
		disabled |= events->disabled[i];
	}
	return disabled ? STATE_DISABLED : STATE_COUNTING;
}

static void format_config(const struct events_event *event, char ret_text[24])
{
	snprintf(ret_text, 24, "0x%llx", (unsigned long long)event->config[0]);
}

static int add_reading(struct snapshot *snapshot, const struct label *labels, size_t nr_labels,
		       const struct events_reading *reading)
{
	int r = snapshot_add_integer(snapshot, &metric_value, labels, nr_labels, reading->value);

	r = r
		    ?: snapshot_add_real(snapshot, &metric_enabled, labels, nr_labels,
					 reading->enabled / 1e9);
	return r
		       ?: snapshot_add_real(snapshot, &metric_running, labels, nr_labels,
					    reading->running / 1e9);
}

static int add_event(struct events *events, bool per_cpu, const struct events_event *event,
		     struct snapshot *snapshot)
{
	struct events_reading all = {};
	char id[24], config[24], cpu[12];
	struct label info[] = {
		{"name", event->name},	 {"id", id},	     {"spec", event->spec},
		{"pmu", event->pmu},	 {"config", config}, {"unit", event->unit},
		{"scale", event->scale},
	};
	struct label labels[] = {{"name", event->name}, {"cpu", cpu}};
	int r = 0;

	snprintf(id, sizeof(id), "%llu", (unsigned long long)event->id);
	format_config(event, config);
	for_each_slot(i, events, event) {
		const struct events_slot *slot = &events->reader->slots[i];
		struct events_reading total = slot_total(slot);

		all = sum(all, &total);
		snprintf(cpu, sizeof(cpu), "%u", slot->cpu);
		if (per_cpu && !r)
			r = add_reading(snapshot, labels, 2, &total);
	}
	if (!per_cpu)
		r = r ?: add_reading(snapshot, labels, 1, &all);
	r = r ?: snapshot_add_integer(snapshot, &metric_info, info, 7, 1);
	r = r ?: snapshot_add_integer(snapshot, &metric_resets, labels, 1, event->resets);
	r = r ?: snapshot_add_integer(snapshot, &metric_changes, labels, 1, event->changes);
	return r ?: snapshot_add_integer(snapshot, &metric_reopened, labels, 1, event->reopened);
}

static int events_read(struct source *source, struct snapshot *snapshot)
{
	struct events *events = source->data;
	uint64_t states[NR_STATES] = {};
	int r = 0;

	read_all(events);
	for (uint32_t i = 0; i < events->reader->nr_events && !r; i++) {
		const struct events_event *event = &events->reader->events[i];

		if (!event->id)
			continue;
		states[event_state(events, event)]++;
		r = add_event(events, source->config->events_per_cpu, event, snapshot);
	}
	for (int i = 0; i < NR_STATES && !r; i++) {
		struct label label = {"state", state_names[i]};

		r = snapshot_add_integer(snapshot, &metric_persistent, &label, 1, states[i]);
	}
	return r;
}

static struct json_object *event_json(struct events *events, const struct events_event *event)
{
	static const char *const origins[EVENTS_NR_ORIGINS] = {
		[EVENTS_FROM_CONFIG] = "configuration",
		[EVENTS_FROM_COMMAND] = "command",
		[EVENTS_FROM_HANDOFF] = "hand-off",
	};
	struct json_object *object = json_object_new_object(), *cpus = json_object_new_array();
	struct events_reading all = {};
	char config[24];

	for_each_slot(i, events, event) {
		const struct events_slot *slot = &events->reader->slots[i];
		struct events_reading total = slot_total(slot);

		all = sum(all, &total);
		json_object_array_add(cpus, json_object_new_int(slot->cpu));
	}
	format_config(event, config);
	json_object_object_add(object, "id", json_object_new_uint64(event->id));
	json_object_object_add(object, "name", json_object_new_string(event->name));
	json_object_object_add(object, "spec", json_object_new_string(event->spec));
	json_object_object_add(object, "pmu", json_object_new_string(event->pmu));
	json_object_object_add(object, "config", json_object_new_string(config));
	json_object_object_add(object, "cpus", cpus);
	json_object_object_add(object, "state",
			       json_object_new_string(state_names[event_state(events, event)]));
	json_object_object_add(object, "origin",
			       json_object_new_string(event->origin < EVENTS_NR_ORIGINS
							      ? origins[event->origin]
							      : "unknown"));
	json_object_object_add(object, "uid", json_object_new_int64(event->uid));
	json_object_object_add(object, "pid", json_object_new_int64(event->pid));
	json_object_object_add(object, "comm", json_object_new_string(event->comm));
	json_object_object_add(
		object, "descriptors",
		json_object_new_uint64(events->given[event - events->reader->events]));
	json_object_object_add(object, "opened_timestamp_seconds",
			       json_object_new_double(event->opened_ns * 1e-9));
	json_object_object_add(object, "value", json_object_new_uint64(all.value));
	json_object_object_add(object, "enabled_seconds",
			       json_object_new_double(all.enabled / 1e9));
	json_object_object_add(object, "running_seconds",
			       json_object_new_double(all.running / 1e9));
	json_object_object_add(object, "unit", json_object_new_string(event->unit));
	json_object_object_add(object, "scale", json_object_new_string(event->scale));
	json_object_object_add(object, "resets", json_object_new_uint64(event->resets));
	json_object_object_add(object, "changes", json_object_new_uint64(event->changes));
	json_object_object_add(object, "reopened", json_object_new_uint64(event->reopened));
	return object;
}

struct json_object *events_list(struct source *source)
{
	struct events *events = source->data;
	struct json_object *array = json_object_new_array();

	read_all(events);
	for (uint32_t i = 0; i < events->reader->nr_events; i++)
		if (events->reader->events[i].id)
			json_object_array_add(array,
					      event_json(events, &events->reader->events[i]));
	return array;
}

struct json_object *events_show(struct source *source, uint64_t id)
{
	struct events *events = source->data;
	struct events_event *event = find_event(events, id);

	if (!event)
		return NULL;
	read_all(events);
	return event_json(events, event);
}

/* The source */

static enum source_wanted events_wanted(const struct config *config)
{
	return config->events_wanted;
}

static int events_probe(struct source *source)
{
	return 0;
}

static void events_detach(struct source *source, bool keep)
{
	struct events *events = source->data;

	for (uint32_t i = 0; events->fds && i < events->reader->nr_slots; i++)
		if (events->fds[i] >= 0)
			close(events->fds[i]);
	inspect_free(events->inspect);
	reader_free(events->reader);
	free(events->fds);
	free(events->next);
	free(events->first);
	free(events->given);
	free(events->disabled);
	free(events->cpus);
	free(events);
	source->data = NULL;
}

static int events_attach(struct source *source)
{
	const struct pins pins = {source, "events", EVENTS_LAYOUT};
	uint32_t max = source->config->events_max;
	struct events *events = calloc(1, sizeof(*events));
	int r;

	if (!events)
		return -ENOMEM;
	source->data = events;
	r = reader_new(source, &pins, max * get_nprocs_conf(), max, &events->reader);
	if (r < 0) {
		free(events);
		return r;
	}
	events->fds = malloc(events->reader->nr_slots * sizeof(*events->fds));
	events->next = malloc(events->reader->nr_slots * sizeof(*events->next));
	events->first = malloc(events->reader->nr_events * sizeof(*events->first));
	events->given = calloc(events->reader->nr_events, sizeof(*events->given));
	events->disabled = calloc(events->reader->nr_slots, sizeof(*events->disabled));
	r = events->fds && events->next && events->first && events->given && events->disabled
		    ? 0
		    : -ENOMEM;
	if (events->fds)
		memset(events->fds, -1, events->reader->nr_slots * sizeof(*events->fds));
	if (!r) {
		recover(events);
		r = read_online(events, &(unsigned int *){NULL}, &(size_t){0});
	}
	if (r < 0) {
		events_detach(source, true);
		return r;
	}
	if (events->reader->nr_events != max)
		log_warning("events: max stays %u, the size of the pinned maps; to change it stop "
			    "paimond and remove %s/events-%d",
			    events->reader->nr_events, source->config->state_dir, EVENTS_LAYOUT);
	source->adopted = events->reader->reused;
	source->backend = "perf";
	take_config(source, false);
	return 0;
}

static int events_reload(struct source *source)
{
	take_config(source, false);
	return 0;
}

/* Its PMU may have come with a module. */
static void events_retry(struct source *source)
{
	if (source->reason[0])
		take_config(source, true);
}

static void events_objects(const struct source *source, struct source_objects *objects)
{
	const struct events *events = source->data;
	const struct events_bpf *bpf = events->reader->bpf;
	struct bpf_map *map;

	objects->programs[objects->nr_programs++] = (struct source_object){
		bpf_program__name(bpf->progs.events_read), bpf_program__fd(bpf->progs.events_read)};
	bpf_object__for_each_map(map, bpf->obj) objects->maps[objects->nr_maps++] =
		(struct source_object){bpf_map__name(map), bpf_map__fd(map)};
}

const struct source_ops events_source = {
	.name = "events",
	.wanted = events_wanted,
	.probe = events_probe,
	.attach = events_attach,
	.retry = events_retry,
	.read = events_read,
	.objects = events_objects,
	.reload = events_reload,
	.detach = events_detach,
};
