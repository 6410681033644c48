/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Cleanup attributes: what goes out of scope is freed or closed. A value that
 * is to stay is handed over with TAKE().
 */
#ifndef PAIMON_UTIL_CLEANUP_H
#define PAIMON_UTIL_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NR_ELEMENTS(array) (sizeof(array) / sizeof((array)[0]))

#define CLEANUP(function) __attribute__((cleanup(function)))

/* Defines function_p() for CLEANUP() from a function that frees and returns NULL. */
#define DEFINE_CLEANUP(type, function)                                                             \
	static inline void function##_p(type *p)                                                   \
	{                                                                                          \
		if (*p)                                                                            \
			function(*p);                                                              \
	}

/* The pointer's value; the variable is NULL afterwards. */
#define TAKE(pointer)                                                                              \
	({                                                                                         \
		__auto_type taken_ = (pointer);                                                    \
		(pointer) = NULL;                                                                  \
		taken_;                                                                            \
	})

static inline void free_p(void *p)
{
	free(*(void **)p);
}

static inline void close_p(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

DEFINE_CLEANUP(FILE *, fclose)

#define _cleanup_free_ CLEANUP(free_p)
#define _cleanup_close_ CLEANUP(close_p)
#define _cleanup_fclose_ CLEANUP(fclose_p)

#endif
