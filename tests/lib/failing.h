/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Calls that fail: those to libc, libbpf and the kernel that what is linked into a test makes, and
 * that a lack of memory, a limit or a policy may refuse. Linked with failing_args (meson.build).
 */
#ifndef PAIMON_TESTS_FAILING_H
#define PAIMON_TESTS_FAILING_H

#include <stdbool.h>

/* What is run with each of its calls failing once, one after the other. */
struct failing {
	const char *name;
	void (*prepare)(void); /* nothing fails yet; NULL: there is nothing to prepare */
	void (*run)(void);
	/* Nothing fails any more. Leaves all as before prepare(), as does a run without a failure.
	 */
	void (*check)(bool failed);
};

/* Runs it for each of its calls, but only for one of those that come from the same place through
 * the same functions, as in a loop. The test fails if more memory or descriptors are in use after a
 * run than before. Returns how many calls have failed. With PAIMON_SHOW in the environment it
 * prints each. */
long each_call_fails(const struct failing *what);

#endif
