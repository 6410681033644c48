// SPDX-License-Identifier: GPL-2.0
/* die() of a test. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/helpers.h"

void die(const char *what)
{
	fail_msg("%s: %s", what, strerror(errno));
	abort(); /* not reached */
}
