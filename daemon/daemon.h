/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The daemon: owns the event loop, the configuration in force, the sources and
 * the HTTP server, and connects them. One thread.
 */
#ifndef PAIMON_DAEMON_H
#define PAIMON_DAEMON_H

#include <stdbool.h>

struct daemon_options {
	const char *config_path;
	bool config_required; /* given on the command line */
	bool replay;
	double replay_rate; /* groups per second */
};

/* Runs until SIGTERM or SIGINT. Returns the exit status of the process. */
int daemon_run(const struct daemon_options *options);

#endif
