// SPDX-License-Identifier: GPL-2.0
/* die() of a test. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/helpers.h"

static pid_t tester; /* the thread that runs the tests */

__attribute__((constructor)) static void set_tester(void)
{
	tester = gettid();
}

void die(const char *what)
{
	/* fail_msg() returns to who runs the tests: a child would run those that come next. */
	if (gettid() != tester) {
		fprintf(stderr, "%s: %s\n", what, strerror(errno));
		_exit(1);
	}
	fail_msg("%s: %s", what, strerror(errno));
	abort(); /* not reached */
}
