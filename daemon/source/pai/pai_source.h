/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Shared by the files of the PAI source: pai.c decides the mode, pmu.c holds the perf
 * events of one PMU, attribute.c attributes them, samples.c loads and attaches the programs that
 * process samples, read.c serves the counters, accounts.c and cgroups.c (from samples) those of
 * cgroups and processes, play.c plays synthetic samples in a replay.
 *
 * A PMU counts or samples on each CPU independently. All its perf events are elements of an
 * array that the next daemon adopts (reader.h) and that ends with the unit; their counts
 * are in pinned maps and continue. Descriptors of the perf events are not kept open; under
 * systemd, only those of the array and of each link are.
 *
 * On the daemon's one thread.
 */
#ifndef PAIMON_PAI_SOURCE_H
#define PAIMON_PAI_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "../../model/snapshot.h"
#include "../accounts.h"
#include "../reader.h"
#include "pai.h"
#include "pai.skel.h"
#include "probe.h"

struct dice;
struct source;

#define PAI_EXT 0 /* index of pmus */
#define PAI_CRYPTO 1
#define PAI_NR_PMUS 2

#define PAI_NUMBER_ALL 0 /* of the event that is the sum of all counters of its PMU */

/* What a counter counts. Each kind has its own metrics, so that a metric can be summed. */
enum pai_kind { PAI_FUNCTIONS, PAI_CONDITIONS, PAI_NR_KINDS };
/* pmu: an index of pmus. pai_crypto has functions only. */
enum pai_kind pai_kind(size_t pmu, uint32_t number);

/* How a PMU is used on a CPU. */
struct pai_pmu_cpu {
	bool online, counts, samples;
	bool pending;	   /* not all is open yet: tried again soon */
	int error;	   /* of the latest attempt: 0 or a negative errno */
	uint64_t still_ns; /* since when its perf events no longer count (CLOCK_MONOTONIC), or 0 */
};

struct pai_pmu {
	const char *name;
	const char *pins;			  /* directory of its maps */
	const char *array;			  /* name of the array in the descriptor store */
	uint64_t base;				  /* config of number 0 */
	const struct metric *events, *cpu_events; /* indexed by kind */
	/* valid while the PMU exists */
	struct reader *reader; /* slot cpu * reader->nr_events + number; NULL: no such PMU */
	bool own;     /* of paimon_pai.ko: with a tracepoint; it either samples or counts */
	bool adopted; /* everything was adopted from an earlier daemon */
	struct pai_plan plan;
	struct attribution *attribution; /* NULL: it does not attribute */
	struct pai_pmu_cpu *cpus;
	uint32_t nr_cpus;
	uint32_t type;	     /* 0: not on this machine */
	uint32_t max_number; /* of a counter */
};

/* Of a replay. */
struct pai_scenario {
	unsigned int *cpus; /* that were online at the start */
	size_t nr_cpus;
	uint64_t next_ns; /* CLOCK_MONOTONIC */
	uint64_t samples; /* so far */
	int error;	  /* of the latest sample: 0 or a negative errno */
};

/* The data of an attached source. */
struct pai {
	struct pai_pmu pmus[PAI_NR_PMUS];
	struct pai_samples *samples; /* NULL: there is no pai_ext */
	struct pai_scenario scenario;
};

/* Looks up a PMU by name in sysfs, and fills in type and own. 0 or -ENODEV: this machine does
 * not have it. */
int pai_pmu_look(struct pai_pmu *pmu);
/* The same for the PMU with this base; also determines max_number. */
int pai_pmu_find(struct pai_pmu *pmu);

/*
 * Starts with a PMU, or adopts what an earlier daemon has left, and executes pmu->plan on all
 * online CPUs. 0, or a negative errno with the source's reason. If events cannot be opened on a
 * CPU, this is not a failure, but the error of that CPU.
 */
int pai_pmu_attach(struct source *source, struct pai_pmu *pmu, struct pai_samples *samples,
		   uint32_t nr_cpus);
/* Stops using the PMU; keep: counting continues, for the next daemon to adopt. */
void pai_pmu_detach(struct source *source, struct pai_pmu *pmu, bool keep);

/* Reads all events, and handles CPUs that are online again. retry: also tries again what failed
 * before. */
void pai_pmu_read(struct source *source, struct pai_pmu *pmu, struct pai_samples *samples,
		  bool retry);
/* The count of a counter, or of the event for all, on a CPU at the latest reading. */
uint64_t pai_pmu_total(const struct pai_pmu *pmu, uint32_t cpu, uint32_t number);
/* The slot of a counter on a CPU. */
struct events_slot *pai_pmu_slot(const struct pai_pmu *pmu, uint32_t cpu, uint32_t number);
/* The name of a counter in sysfs; "": there is none with this number. */
const char *pai_pmu_counter(const struct pai_pmu *pmu, uint32_t number);

/*
 * Attribution: a counter has the column of its number, and the event for all is the gate in column
 * 0.
 */

/* Begins, before the perf events are opened or adopted. 0, or a negative errno with the source's
 * reason: the PMU counts without. Does nothing unless it is planned. */
int pai_attribute_begin(struct source *source, struct pai_pmu *pmu);
/* Has the perf event in a slot attributed; adopted: it has counted before. 0 or a negative errno.
 */
int pai_attribute_slot(struct pai_pmu *pmu, uint32_t cpu, uint32_t number, bool adopted);
/* Before the perf event of a slot is removed: charges it for the last time. */
void pai_unattribute_slot(struct pai_pmu *pmu, uint32_t cpu, uint32_t number);
/* After the perf events are open: what was counted before is charged to nobody. */
void pai_attribute_rest(struct pai *pai, struct pai_pmu *pmu);
void pai_attribute_end(struct source *source, struct pai_pmu *pmu, bool keep);
/* Ends what an earlier daemon kept. */
void pai_attribute_end_left(struct source *source);
/* Adds points of cgroups and processes. 0 or a negative errno. */
int pai_accounts_read(const struct pai_pmu *pmu, const struct accounts_look *look,
		      struct snapshot *snapshot);

struct pai_samples {
	struct pai_bpf *bpf;
	uint32_t nr_cpus, max_cgroups;
	bool adopts; /* adopts the links of an earlier daemon, if they run these dispatchers: */
	int tracepoint, overflow;
	enum pai_samples_by by;
	struct pai_cpu *cpus;
	struct pai_cgroup *cgroups;
	struct pai_counts *departed;
	struct pai_state *state;
	struct ring_buffer *wake; /* NULL in a replay */
	int cgroup_root;	  /* the root directory of cgroups; -errno: it cannot be opened */
	uint32_t *absent; /* state of each place whose cgroup was missing at the last check */
	struct pai_made_up *made_up;  /* replay only */
	uint32_t gone[PAI_MAX_TASKS]; /* processes that had ended at the last check */
	uint32_t nr_gone;
};

/* Loads the programs, with the pinned maps or new ones, and attaches to the tracepoint if samples
 * come from there. 0, or a negative errno with the reason. */
int pai_samples_new(struct source *source, uint32_t nr_cpus, uint32_t max_number,
		    enum pai_samples_by by, struct pai_samples **ret_samples);
/* keep: the links stay, for the next daemon to adopt. */
struct pai_samples *pai_samples_free(struct source *source, struct pai_samples *samples, bool keep);
/* Attaches the program to a sampling event of a CPU, until its link is dropped. 0 or a negative
 * errno. No effect if samples come from the tracepoint. */
int pai_samples_link(struct source *source, struct pai_samples *samples, uint32_t cpu, int fd);
/* Did an earlier daemon leave that link? */
bool pai_samples_linked(struct source *source, struct pai_samples *samples, uint32_t cpu);
void pai_samples_unlink(struct source *source, uint32_t cpu);
/* Ends all links that an earlier daemon left. */
void pai_samples_end_left(struct source *source, uint32_t nr_cpus);
/* A consistent copy of the served part of pai_cgroups. */
struct pai_look {
	uint64_t counted[PAI_COUNTERS];	 /* of CPUs where only samples counted; sum over all cgroups
					  */
	uint64_t departed[PAI_COUNTERS]; /* of departed cgroups */
	uint64_t own[][PAI_COUNTERS];	 /* of the current owner of each place */
};

/* Makes a copy, to be freed; NULL: no memory. */
struct pai_look *pai_samples_look(const struct pai_samples *samples);
/* Adds points of cgroups, processes, and results of samples; look: NULL: of these only. 0 or a
 * negative errno. */
int pai_samples_read(struct source *source, const struct pai_look *look, struct snapshot *snapshot);
/* Frees the places of removed cgroups: immediately if few places are free, otherwise when the
 * cgroup is missing for the second time. Calls are seconds apart, unless few places are free. */
void pai_samples_recycle(struct pai_samples *samples);
/* Removes processes that had also ended at the previous check, some seconds ago. */
void pai_samples_reap(struct pai_samples *samples);

/* NNPA by cgroup and process. */
extern const struct metric pai_metric_cgroups[PAI_NR_KINDS], pai_metric_departed[PAI_NR_KINDS];
extern const struct metric pai_metric_tasks[PAI_NR_KINDS];
/* Counters of the PMUs, and the same per CPU. */
extern const struct metric pai_metric_nnpa[PAI_NR_KINDS], pai_metric_nnpa_cpu[PAI_NR_KINDS];
extern const struct metric pai_metric_crypto[1], pai_metric_crypto_cpu[1];

/* Reads all PMUs, and sets on which CPUs samples are served as counts. retry: also tries again
 * what failed before. */
void pai_tend(struct source *source, bool retry);

/* Adds all points of the source: source_ops.read. 0 or a negative errno. */
int pai_read(struct source *source, struct snapshot *snapshot);

/* The total of a counter on a CPU. Samples are included for CPUs where there is nothing else.
 * pmu: an index of pmus. */
uint64_t pai_counted(const struct pai *pai, size_t pmu, uint32_t cpu, uint32_t number);

/* The name of a counter of pai_ext, or "". */
const char *pai_nnpa_counter(const struct source *source, uint32_t number);

/* Replay: source_ops.play. */
int pai_play(struct source *source, struct dice *dice, double rate);
/* Replay: processes a synthetic sample on a CPU. 0 or a negative errno. */
int pai_source_play(struct source *source, const struct pai_made_up *sample, uint32_t cpu);

#endif
