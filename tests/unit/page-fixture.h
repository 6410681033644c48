/* SPDX-License-Identifier: GPL-2.0 */
/* A machine with everything that the page can show, and names that look like markup. */
#ifndef PAIMON_TESTS_PAGE_FIXTURE_H
#define PAIMON_TESTS_PAGE_FIXTURE_H

#include "model/snapshot.h"
#include "model/status.h"

enum page_machine {
	MACHINE_BUSY,
	MACHINE_IDLE,	/* sources are up, and nothing came */
	MACHINE_UNABLE, /* no source can count */
	MACHINE_LARGE,	/* busy, with eight sockets and not two */
};

/* The name of a process, which the page must not have. */
#define PAGE_PROCESS "secret-process"

/* The state of the machine after some seconds. */
struct snapshot *page_snapshot(enum page_machine machine, const char *input, double seconds);
void page_status(enum page_machine machine, const char *input, struct status *ret_status);

#endif
