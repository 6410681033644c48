/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The status of paimond: the daemon fills it in, the server encodes it. Strings are owned by the
 * daemon, and valid until it changes; the struct owns listen and problems. One thread.
 */
#ifndef PAIMON_STATUS_H
#define PAIMON_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../util/buffer.h"

#define STATUS_MAX_SOURCES 16

/* A TCP socket of the server. */
struct status_listener {
	char address[64]; /* with port; "": unknown */
	bool loopback;	  /* only reachable from this machine */
};

struct status_source {
	const char *name, *state;
	/* Set while the source is up; otherwise NULL, and the next two are not valid. */
	const char *backend;
	bool adopted;
	uint64_t attached_ns;	/* CLOCK_REALTIME */
	const char *reason;	/* or NULL */
	struct buffer problems; /* what does not count as configured: strings, each with its NUL */
};

struct status_cost {
	/* Over the last five to ten seconds; NAN: unknown. */
	double events_per_second, ns_per_event, runs_per_second, ns_per_run;
	double bpf_cpu_percent, daemon_cpu_percent;
	bool run_times; /* the kernel measures them */
	uint64_t map_bytes;
	uint64_t recursion_misses;
	/* Counters, to compute the same from two answers; comparable while sources is the same. */
	struct {
		uint64_t time_ns; /* CLOCK_MONOTONIC */
		uint64_t events, runs, run_ns;
		uint64_t cpu_ns; /* of the daemon */
		uint64_t sources;
	} totals;
	/* Of the process; descriptors_max 0: these three are unknown. */
	uint64_t resident_bytes, descriptors, descriptors_max;
};

struct status {
	const char *version, *revision;
	uint32_t pid;
	double uptime_seconds;
	bool sees_processes;   /* it is in the initial PID namespace */
	const char *input;     /* "replay" or NULL */
	const char *state_dir; /* or NULL */
	struct status_listener *listen;
	size_t nr_listen;
	const char *handoff; /* path of the hand-off socket, or NULL */
	const char *config_path;
	bool last_reload_successful;
	struct status_source sources[STATUS_MAX_SOURCES];
	size_t nr_sources;
	struct status_cost cost;
};

/* Frees everything that the struct owns. */
void status_clear(struct status *status);

#endif
