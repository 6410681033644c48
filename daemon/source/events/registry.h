/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The registry of kept events in the pinned maps (bpf/events.h), shared by the files of
 * their source: registry.c holds them, names.c finds them by name, open.c opens and changes
 * them, live.c changes them while they count, from_config.c does so for the configuration,
 * account.c reads them, stalled.c handles perf events that no longer count, recover.c takes over
 * from an earlier daemon, cpus.c follows the CPUs, handoff.c takes events from other processes,
 * read.c tells them as metrics and show.c one by one, kept.c executes requests, events.c is the
 * source.
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

struct attribution;
struct event_pmu;
struct event_spec;
struct inspect;
struct perf_file;
struct snapshot;

#define MAX_CPU 8191
#define NO_SLOT UINT32_MAX

/* State of a slot's perf event. */
enum slot_state {
	SLOT_COUNTS,
	SLOT_STALLED, /* its enabled time does not advance, or it cannot be read: to be inspected */
	SLOT_DISABLED, /* by a process that has a descriptor */
	SLOT_STOPPED,  /* permanently, and it cannot be reopened */
};

/* The data of an attached source. */
struct events {
	struct reader *reader;
	int *fds;	    /* of the slots; -1: none, the event can only be read */
	size_t nr_fds;	    /* number of open ones */
	uint32_t *first;    /* slots of the events, as of the latest events_link_slots() */
	uint32_t *next;	    /* next slot of the same event; NO_SLOT: none */
	unsigned int *cpus; /* online */
	size_t nr_cpus;
	char *online;		 /* the same, as text */
	enum slot_state *states; /* of the slots */
	uint64_t *given;	 /* of the events: descriptors handed out since start (d14) */
	bool *lacking;		 /* of the events: opening it on a new CPU failed */
	struct events_absent {
		char *why;   /* why it could not be opened, or was closed; NULL: it is open */
		bool closed; /* on request: only a reload opens it again */
	} * absent;	     /* of the configuration's events */
	size_t nr_absent;    /* of the configuration, opened or not */
	struct events_names *names;	 /* of the events */
	uint32_t free_slot, free_event;	 /* no slot before this one is free */
	uint32_t newest;		 /* the event that was opened last */
	struct inspect *inspect;	 /* NULL: not loaded yet */
	struct attribution *attribution; /* the same */
};

/* Are enough descriptors left for nr perf events, in addition to those for everything else? */
bool events_have_descriptors(const struct events *events, size_t nr);
/* Empties a slot, in any state. */
void events_free_slot(struct events *events, uint32_t slot);
/* Puts a perf event into a free slot, which is not in force yet. Takes ownership of fd, also on
 * failure. terms: current of its event when it was opened; type: of its PMU, as in the slot. */
int events_fill_slot(struct events *events, uint32_t index, int fd, uint32_t type, uint32_t cpu,
		     uint32_t terms);
/* Finds a free slot at or after *index, and sets *index. 0 or -ENOSPC. */
int events_find_slot(struct events *events, uint32_t *index);
/* Replaces a slot with a filled one, in which its total continues. */
void events_replace_slot(struct events *events, uint32_t old, uint32_t new);
/* Sets the CPU of a slot's perf event. */
void events_move_slot(struct events *events, uint32_t index, uint32_t cpu);

/* The event of an id, or of a name, or NULL. */
struct events_event *events_find(const struct events *events, uint64_t id);
struct events_event *events_find_name(const struct events *events, const char *name);
/* The number of an event: the member event of its slots. */
uint32_t events_number(const struct events *events, const struct events_event *event);

/* i: the indices of an event's slots, as of the latest events_link_slots(). */
#define for_each_slot(i, events, event)                                                    \
	for (uint32_t i = (events)->first[events_number(events, event) - 1]; i != NO_SLOT; \
	     i = (events)->next[i])

/* To whom an event is attributed. */
static inline enum kept_by events_by(const struct events_event *event)
{
	return event->flags & EVENTS_BY_PROCESS	 ? KEPT_BY_PROCESS
	       : event->flags & EVENTS_BY_CGROUP ? KEPT_BY_CGROUP
						 : KEPT_BY_NOTHING;
}

/* The slot of an event for a CPU on a PMU (type as in the slot), or NULL. */
struct events_slot *events_slot_on(struct events *events, const struct events_event *event,
				   uint32_t type, unsigned int cpu);

/* Adds an event to the table of names, or removes it. event: its index. */
void events_index_name(struct events *events, uint32_t event);
void events_forget_name(struct events *events, uint32_t event);
/* Generates an unused name from a text, if necessary with a number appended. */
void events_make_name(const struct events *events, const char *text,
		      char ret_name[EVENTS_NAME_LEN]);
/* Fills in everything except the id. 0, or -EINVAL or -EEXIST with *ret_error. name: NULL for a
 * name generated from spec. It is unique for each spec of any length, and always the same except
 * for a number that is appended if the name exists. */
int events_describe(struct events *events, struct events_event *event,
		    const struct event_spec *spec, const char *name, const char *cpus,
		    const struct events_owner *owner, char **ret_error);
/* A free element of the list, or NULL with *ret_error: -ENOSPC. */
struct events_event *events_find_free(struct events *events, const char *text, char **ret_error);
/* Puts an event with its slots into force. Returns its id. */
uint64_t events_put_in_force(struct events *events, struct events_event *event,
			     const struct events_event *filled, const uint32_t *slots, size_t nr);
/* Closes an event and all its perf events. */
void events_close_event(struct events *events, struct events_event *event);
/* Returns -ENOENT with *ret_error: no such event. */
int events_no_event(uint64_t id, char **ret_error);

/* Reads which CPUs are online. Returns 1 if they have changed, with the previous ones, to be freed;
 * 0 if not; or a negative errno. */
int events_read_online(struct events *events, unsigned int **ret_before, size_t *ret_nr_before);
/* Reopens an event on a CPU that is online again, where its old perf event no longer counts. */
void events_cpu_on(struct events *events, struct events_event *event, unsigned int cpu);
/* The same for one slot. */
void events_restart(struct events *events, struct events_event *event, uint32_t index);
/* The kernel migrates the events of a system PMU when their CPU goes offline: finds the CPU on
 * which to read them. False: it is not an event of a system PMU. */
bool events_follow_mask(struct events *events, struct events_event *event);
/* Opens perf events that are missing after a failure: on online CPUs, with the terms in force. */
void events_complete(struct events *events);
/* Completes a change of terms: reopens the perf events that still have the old ones. */
void events_finish_change(struct events *events, struct events_event *event);
/* Inspects the perf event of a slot that has a descriptor. 0 or a negative errno. */
int events_inspect(struct events *events, uint32_t index, struct perf_file *ret_file);
/* Why perf events of a PMU are refused; argument: the name of the PMU. */
#define EVENTS_FAULTS                                                                         \
	"%s: cannot be kept: this kernel crashes when a BPF program reads an event of a PMU " \
	"with a scope that was removed (perf stat can count it)"
/* The name of a slot's descriptor in systemd's store. */
void events_store_name(uint32_t slot, char ret_name[32]);
/* Reopens events on CPUs that are online again, and follows the cpumasks of system PMUs. */
void events_follow_cpus(struct events *events);
/* Reopens an event on a CPU and a PMU (type as in a slot) with the terms in force. before: the slot
 * to replace, which has been accounted for, or NULL. 0, or a negative errno, which is logged. */
int events_open_again(struct events *events, const struct events_event *event, uint32_t type,
		      unsigned int cpu, struct events_slot *before);
/* Builds the table of names from the existing events. 0 or -ENOMEM. */
int events_index_names(struct events *events);
/* Builds the lists of slots of each event, because there are many of both. */
void events_link_slots(struct events *events);
/* Reads all events into their accounts. 0, or a negative errno: nothing was read. */
int events_account_all(struct events *events);
/* The same, and also handles CPU hotplug and events that other processes have disabled or reset;
 * links the slots. */
void events_read_all(struct events *events);
/*
 * Changes an event while it counts, if its PMU can do that: to the terms in force of changed, which
 * has the next value of current. Returns 0 or EVENTS_REOPEN (it has to be reopened instead: the PMU
 * cannot, more than config1 to config3 differs, or a descriptor is missing), or a negative errno
 * with *ret_error: -EBUSY, -EINVAL or another one of PAIMON_SET_DRV_CONFIG. Unless it returns 0,
 * the event is unchanged. Links the slots.
 */
int events_set_live(struct events *events, struct events_event *event,
		    const struct events_event *changed, char **ret_error);
#define EVENTS_REOPEN 1
/* Does events_set_live() work for all perf events of an event? device: drv_config_open(). Call
 * events_link_slots() first. */
bool events_is_live(const struct events *events, const struct events_event *event, int device);
/* Undoes a change that an earlier daemon did not complete. Links the slots. */
void events_undo_change(struct events *events, struct events_event *event);
/* Adopts the registry of an earlier daemon, after whichever store it died. */
void events_recover(struct events *events);

/* Opens the events of the configuration, and closes those that are no longer in it. again: a
 * periodic retry, not a request. */
void events_take_config(struct source *source, bool again);
/* Clears the reasons why events of the configuration are not open. */
void events_clear_absent(struct events_absent *absent, size_t nr);

/* counting: the daemon has all its descriptors. read: it can only be read. disabled: by another
 * process, on at least one of its CPUs. stopped: it does not count on at least one of them, and
 * could not be reopened there. */
enum event_state { STATE_COUNTING, STATE_READ, STATE_DISABLED, STATE_STOPPED, NR_STATES };
extern const char *const events_state_names[NR_STATES];
enum event_state events_state_of(const struct events *events, const struct events_event *event);
/* The config of an event's terms, in hex. */
void events_format_config(const struct events_event *event, char ret_text[24]);

/* Members of struct source_ops. */
int events_read(struct source *source, struct snapshot *snapshot);
int events_read_failed(const struct source *source, struct snapshot *snapshot);
void events_tell(const struct source *source, source_tell *tell, void *user);

#endif
