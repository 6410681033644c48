/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The registry of kept events in the pinned maps (bpf/events.h), shared by the files of
 * their source: registry.c holds them, names.c finds them by name, open.c opens and changes
 * them, from_config.c does so for the configuration, account.c reads them, stalled.c handles
 * perf events that no longer count, recover.c takes over from an earlier daemon, cpus.c
 * follows the CPUs, handoff.c takes events from other processes, read.c serves them as
 * metrics and show.c as JSON, request.c executes requests, events.c is the source.
 *
 * On the daemon's one thread.
 */
#ifndef PAIMON_EVENTS_REGISTRY_H
#define PAIMON_EVENTS_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../reader.h"
#include "../source.h"
#include "events_source.h"

struct event_pmu;
struct event_spec;
struct inspect;
struct perf_file;
struct snapshot;

#define MAX_CPU 8191
#define NO_SLOT UINT32_MAX

/* What is known of a slot's perf event. */
enum slot_state {
	SLOT_COUNTS,
	SLOT_STALLED,  /* its time stands still, or it cannot be read: to be looked at */
	SLOT_DISABLED, /* by someone who has a descriptor */
	SLOT_STOPPED,  /* for good, and it cannot be opened anew */
};

/* The data of an attached source. */
struct events {
	struct reader *reader;
	int *fds;	    /* of the slots; -1: none, the event can only be read */
	size_t nr_fds;	    /* of these, that there are */
	uint32_t *first;    /* slots of the events, as of the latest events_link_slots() */
	uint32_t *next;	    /* of the same event; NO_SLOT: none */
	unsigned int *cpus; /* online */
	size_t nr_cpus;
	char *online;		 /* the same, as text */
	enum slot_state *states; /* of the slots */
	uint64_t *given;	 /* of the events: descriptors handed out since start (d14) */
	bool *lacking;		 /* of the events: one could not be opened on a CPU that came new */
	struct events_absent {
		char *why;   /* it could not be opened, or has been closed; NULL: it is there */
		bool closed; /* for someone: only a reload opens it again */
	} * absent;	     /* of the configuration's events */
	size_t nr_absent;    /* of the configuration, opened or not */
	struct events_names *names;	/* of the events */
	uint32_t free_slot, free_event; /* before these none is free */
	uint32_t newest;		/* the event that was opened last */
	struct inspect *inspect;	/* NULL: nothing was looked at yet */
};

/* Are there descriptors left for so many perf events, beside those for all else? */
bool events_have_descriptors(const struct events *events, size_t nr);
/* Empties a slot, whatever is in it. */
void events_free_slot(struct events *events, uint32_t slot);
/* Puts a perf event into a free slot, not yet into force. Takes fd, also on failure.
 * terms: those of its event that it was opened with; type: of its PMU, as in the slot. */
int events_fill_slot(struct events *events, uint32_t index, int fd, uint32_t type, uint32_t cpu,
		     uint32_t terms);
/* A free slot at or behind *index, which is moved there. 0 or -ENOSPC. */
int events_find_slot(struct events *events, uint32_t *index);
/* Puts a filled slot in the place of another one, whose total goes on in it. */
void events_replace_slot(struct events *events, uint32_t old, uint32_t new);
/* Says on which CPU a slot's event is now. */
void events_move_slot(struct events *events, uint32_t index, uint32_t cpu);

/* The event of an id, or of a name, or NULL. */
struct events_event *events_find(const struct events *events, uint64_t id);
struct events_event *events_find_name(const struct events *events, const char *name);
/* The number of an event's element, as its slots have it. */
uint32_t events_number(const struct events *events, const struct events_event *event);

/* i: the slots of an event, as of the latest reading. */
#define for_each_slot(i, events, event)                                                    \
	for (uint32_t i = (events)->first[events_number(events, event) - 1]; i != NO_SLOT; \
	     i = (events)->next[i])

/* The slot that an event has on a PMU, by its type as in the slot, for a CPU, or NULL. */
struct events_slot *events_slot_on(struct events *events, const struct events_event *event,
				   uint32_t type, unsigned int cpu);

/* Lists an event by its name, or no longer. event: its index. */
void events_index_name(struct events *events, uint32_t event);
void events_forget_name(struct events *events, uint32_t event);
/* A name that nothing has yet, from a text: with a number behind it if need be. */
void events_make_name(const struct events *events, const char *text,
		      char ret_name[EVENTS_NAME_LEN]);
/* Fills in all but the id. 0, or -EINVAL or -EEXIST with *ret_error. name: NULL for one that is
 * made of spec: whatever its length it tells one spec from another, and does not depend on what
 * else there is, but for a number behind what there is already. */
int events_describe(struct events *events, struct events_event *event,
		    const struct event_spec *spec, const char *name, const char *cpus,
		    const struct events_owner *owner, char **ret_error);
/* A free element of the list, or NULL with *ret_error: -ENOSPC. */
struct events_event *events_find_free(struct events *events, const char *text, char **ret_error);
/* Lists an event that has its perf events in slots. Returns its id. */
uint64_t events_put_in_force(struct events *events, struct events_event *event,
			     const struct events_event *filled, const uint32_t *slots, size_t nr);
/* Ends an event: nothing of it is left. */
void events_close_event(struct events *events, struct events_event *event);
/* -ENOENT, with *ret_error. */
int events_no_event(uint64_t id, char **ret_error);

/* Reads which CPUs are online. Returns 1 if they are others than before, and gives up
 * those before; 0, or a negative errno. */
int events_read_online(struct events *events, unsigned int **ret_before, size_t *ret_nr_before);
/* A CPU has come back: what an event has on it stands still for ever, and is opened anew. */
void events_cpu_on(struct events *events, struct events_event *event, unsigned int cpu);
/* The same of one slot. */
void events_restart(struct events *events, struct events_event *event, uint32_t index);
/* The kernel takes the events of a system PMU along when their CPU goes off: finds out
 * where they are to be read now. False: it is none of a system PMU. */
bool events_follow_mask(struct events *events, struct events_event *event);
/* Opens what a failure has left out: on CPUs that are online, and with terms in force. */
void events_complete(struct events *events);
/* What an event's new terms have not reached is opened anew with them. */
void events_finish_change(struct events *events, struct events_event *event);
/* Looks at the perf event of a slot that has a descriptor. 0 or a negative errno. */
int events_inspect(struct events *events, uint32_t index, struct perf_file *ret_file);
/* Why some perf events are refused; of a PMU. */
#define EVENTS_FAULTS                                                                             \
	"%s: not kept: the PMU has a scope, and this kernel faults where a BPF program reads an " \
	"event of such a PMU that has gone (perf stat can count it)"
/* The name of a slot's descriptor in systemd's store. */
void events_store_name(uint32_t slot, char ret_name[32]);
/* Opens anew what was on CPUs that are back, and follows the masks of system PMUs. */
void events_follow_cpus(struct events *events);
/* Opens an event once more on a CPU and a PMU, by its type as in a slot, with the terms in force,
 * in place of what is in slot before, which has been accounted for, or NULL. 0, or a negative
 * errno, which is logged. */
int events_open_again(struct events *events, const struct events_event *event, uint32_t type,
		      unsigned int cpu, struct events_slot *before);
/* Makes what finds events by their names, of those that there are. 0 or -ENOMEM. */
int events_index_names(struct events *events);
/* Finds out which slots every event has: there are many of both. */
void events_link_slots(struct events *events);
/* Reads all events into their accounts. 0, or a negative errno: nothing was read. */
int events_account_all(struct events *events);
/* The same, and does what has become of CPUs and of others' doings with the events; links
 * their slots. */
void events_read_all(struct events *events);
/* Takes over what an earlier daemon left, whatever store it died after. */
void events_recover(struct events *events);

/* Opens what the configuration has, and closes what it has no more. again: nothing was asked
 * for, it only tries once more. */
void events_take_config(struct source *source, bool again);
/* Forgets why events of the configuration are not there. */
void events_clear_absent(struct events_absent *absent, size_t nr);

/* counting: the daemon has descriptors of all of it. read: only reading is left.
 * disabled: by someone, on one of its CPUs at least. stopped: it does not count on one of
 * them, and could not be opened anew there. */
enum event_state { STATE_COUNTING, STATE_READ, STATE_DISABLED, STATE_STOPPED, NR_STATES };
extern const char *const events_state_names[NR_STATES];
enum event_state events_state_of(const struct events *events, const struct events_event *event);
/* The config of an event's terms, in hex. */
void events_format_config(const struct events_event *event, char ret_text[24]);

/* What the names say of struct source_ops. */
int events_read(struct source *source, struct snapshot *snapshot);
int events_read_failed(const struct source *source, struct snapshot *snapshot);
void events_tell(const struct source *source, source_tell *tell, void *user);

#endif
