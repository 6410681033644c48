/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Shared by the files of the IOPF source: iopf.c starts and stops it, prepare.c finds the
 * hooks to attach to, hooks.c attaches, read.c reads, recycle.c frees places of devices that
 * no longer exist, play.c plays synthetic requests in a replay.
 */
#ifndef PAIMON_IOPF_SOURCE_H
#define PAIMON_IOPF_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "../../config/config.h"
#include "../pins.h"
#include "device.h"
#include "iopf.h"
#include "iopf.skel.h"

struct dice;
struct snapshot;
struct source;

/* A hook: a point in the kernel to which a dispatcher is attached. */
struct iopf_hook {
	char name[32];	    /* name of the link in the descriptor store or bpffs */
	const char *target; /* tracepoint or function */
	enum {
		HOOK_RAW_TP,
		HOOK_FENTRY,
		HOOK_FEXIT,
		HOOK_KPROBE_MULTI,
		HOOK_KPROBE,
	} how;
	bool at_return;	    /* of a function, by kprobe */
	uint32_t target_id; /* of the function, in the kernel's BTF */
	struct bpf_program *dispatcher;
	struct bpf_program *program; /* the program that the dispatcher tail-calls: */
	struct bpf_map *programs;    /* element index of this map */
	uint32_t index;
	int link;
	int adopted; /* the program of an adopted link; -1: not adopted, or unknown */
};

/* What is known of the device of a place. */
struct iopf_about {
	uint32_t state;	    /* of the place, then */
	uint64_t looked_ns; /* CLOCK_MONOTONIC */
	struct device_info info;
};

/* The data of an attached source. */
struct iopf {
	struct iopf_bpf *bpf;
	struct iopf_hook hooks[IOPF_NR_FUNCTIONS];
	int nr_hooks;
	uint32_t max_devices;
	struct iopf_device *devices;
	struct iopf_device *departed;
	struct iopf_slot *slots;
	struct iopf_state *state;
	uint64_t since_ns; /* CLOCK_MONOTONIC: when this daemon attached */
	uint64_t made_ns;  /* CLOCK_REALTIME: when all counts were 0; 0: not known */
	uint32_t *absent;  /* state of each place whose device was missing at the last check */
	struct iopf_about *about;	/* of each place */
	struct iopf_scenario *scenario; /* replay only, from the first iopf_play() on */
};

/* The name of a hook's link: of index enum iopf_program at the module's, else enum iopf_function.
 */
void iopf_hook_name(enum iopf_backend backend, int index, char ret_name[32]);

/* Fills in the hooks for a backend, and selects the programs to load for them. Call after the
 * object was opened and before it is loaded. 0 or a negative errno. */
int iopf_hooks_prepare(struct iopf *iopf, enum iopf_backend backend);

/* Puts this daemon's programs behind the dispatchers. */
int iopf_hooks_set_programs(struct source *source, struct iopf *iopf);

/* Adopts the links that an earlier daemon left. True if all were found. */
bool iopf_hooks_adopt(struct source *source, struct iopf *iopf);

/* Attaches all hooks and keeps their links for the next daemon. */
int iopf_hooks_attach(struct source *source, struct iopf *iopf);

/* Ends all links that are kept for the next daemon, of every backend. */
void iopf_hooks_drop(struct source *source);

/* Closes this daemon's descriptors of the links; links that were stored stay attached. */
void iopf_hooks_close(struct iopf *iopf);

/* Where the maps and links are pinned. */
struct pins iopf_pins(struct source *source);

/* Adds all points of the source: source_ops.read. 0 or a negative errno. */
int iopf_read(struct source *source, struct snapshot *snapshot);

/*
 * Frees the places of departed devices: no bus lists them, and they were removed from their queue
 * or, if few places are free, have not faulted for a long time.
 */
void iopf_recycle(struct iopf *iopf);

/* Runs the program that frees an expired group; false if the group has not expired. */
bool iopf_expire(struct iopf *iopf, uint32_t device, uint64_t key);

/* Requests, handlings of timed groups, and responses counted so far. */
uint64_t iopf_events(const struct iopf *iopf);

/*
 * Runs a dispatcher on made-up arguments, those of its tracepoint, through
 * test_run on the live kernel. 0 or a negative errno.
 */
int iopf_source_run(struct source *source, enum iopf_program program, uint64_t args[8]);

/* Replay: source_ops.play. */
int iopf_play(struct source *source, struct dice *dice, double rate);

/* Is a device to be served? include: NULL or empty for all; exclude wins. */
bool iopf_serves(char *const *include, char *const *exclude, const char *device);

#endif
