/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Attribution: who used what the perf events of a reader count (bpf/switch.h). A source that
 * attributes gives each of its events a column, and each perf event of it an entry on its CPU.
 * While an entry is there, nothing else reads this slot.
 *
 * Called by the sources, on the daemon's one thread.
 */
#ifndef PAIMON_ATTRIBUTION_H
#define PAIMON_ATTRIBUTION_H

#include <stdbool.h>
#include <stdint.h>

#include "pins.h"
#include "reader.h"
#include "switch.h"
#include "switch.skel.h"

struct source;

struct attribution_options {
	uint32_t nr_cgroups, nr_processes; /* places */
	uint32_t nr_cells, nr_process_cells;
	bool folds;	  /* transient scopes and services into their slice */
	bool values_only; /* time alone is not charged */
};

struct attribution {
	struct pins pins;
	const char *link;   /* its name in the store, and that of the program: SOURCE-switch */
	char names[12][32]; /* of the maps */
	struct reader *reader;
	struct switch_bpf *bpf;
	uint32_t nr_cpus, nr_accounts, nr_cells;
	struct switch_cpu *cpus;
	struct switch_last *lasts;
	struct switch_account *accounts;
	char (*paths)[CGROUP_PATH];
	struct switch_cell *cells;
	uint64_t *free;
	struct switch_state *state;
	bool reused; /* the maps are from an earlier daemon */
	bool kept;   /* its program still runs, and has charged all since; else there are no entries
		      */
	bool running; /* the program is attached */
	/* private to accounts.c */
	int cgroup_root;  /* -errno: it cannot be opened */
	uint32_t *absent; /* state of each account whose owner was missing at the last look */
	struct windows *windows;
};

/* Memory of the maps in bytes, for `paimonctl check`. */
uint64_t attribution_map_bytes(const struct attribution_options *options, uint32_t nr_cpus,
			       uint32_t nr_slots);

/*
 * Loads the programs with the maps pinned at pins, or with new ones, and continues what an earlier
 * daemon did not complete. Nothing is attached yet, except the program of an earlier daemon
 * (kept). link: name for the link in the store. 0, or a negative errno and the source's reason.
 */
int attribution_new(struct source *source, const struct pins *pins, const char *link,
		    const struct attribution_options *options, struct reader *reader,
		    struct attribution **ret_attribution);
/* keep: the program stays attached, for the next daemon. */
struct attribution *attribution_free(struct attribution *attribution, bool keep);

/* Attaches this daemon's program in the place of the earlier one's, if there is one: both do not
 * charge twice. 0, or a negative errno and the source's reason. */
int attribution_start(struct source *source, struct attribution *attribution);
/* Detaches the program. */
void attribution_stop(struct attribution *attribution);

/* The column of an event, or -ENOENT. */
int attribution_find(const struct attribution *attribution, uint64_t event);
/* Gives a column to an event: its number, or -ENOSPC. first: none before this one is given. */
int attribution_take(struct attribution *attribution, uint64_t event, uint32_t first,
		     bool by_process);
/* Removes an event: all its entries, and its counts. */
void attribution_release(struct attribution *attribution, uint32_t column);

/*
 * Sets the entry of a column on a CPU: slot and flags (SWITCH_LATE, SWITCH_PROCESS, SWITCH_GATE);
 * the perf event that was there is charged for the last time. What the new one has counted before
 * is charged to account 0; but not if it replaces one, or if begins is true, for a perf event that
 * has counted unattributed: attribution_reconcile() does it then. Outside the initial PID
 * namespace, SWITCH_PROCESS has no effect. 0, -ENXIO (the CPU is offline), or the errno of its
 * first reading: there is no entry then.
 */
int attribution_set(struct attribution *attribution, uint32_t cpu, uint32_t column, uint32_t slot,
		    uint64_t flags, bool begins);
/* Removes an entry, also of an offline CPU. */
void attribution_clear(struct attribution *attribution, uint32_t cpu, uint32_t column);
/* The slot of an entry, or -ENOENT. */
int64_t attribution_slot(const struct attribution *attribution, uint32_t cpu, uint32_t column);
/* A slot that has no entry gets another perf event, which is charged from 0 on. perf_id: of it, or
 * 0. */
void attribution_reset_slot(struct attribution *attribution, uint32_t slot, uint64_t perf_id);

/* Charges what is pending on all CPUs to the tasks that are there. The readings are in
 * reader->values then; error is -ENXIO for an offline CPU. */
void attribution_read(struct attribution *attribution);

struct source_objects;
/* Adds the programs and maps: source_ops.objects. */
void attribution_objects(const struct attribution *attribution, struct source_objects *objects);

/* What the cells of a column have in all. */
struct events_reading attribution_total(const struct attribution *attribution, uint32_t column);
/* Charges to account 0 what an event has counted in all and no cell has. total: of a reading before
 * this call. */
void attribution_reconcile(struct attribution *attribution, uint32_t column,
			   const struct events_reading *total);

#endif
