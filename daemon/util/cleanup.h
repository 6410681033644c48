/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Cleanup attributes: a variable releases its resource when it goes out of scope.
 */
#ifndef PAIMON_CLEANUP_H
#define PAIMON_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_free_pointer(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

#define _cleanup_(f) __attribute__((cleanup(f)))
#define _cleanup_free_ _cleanup_(cleanup_free_pointer)
#define _cleanup_close_ _cleanup_(cleanup_close_fd)

/* Defines func##p for _cleanup_(func##p), where func frees a type. */
#define DEFINE_CLEANUP(type, func)          \
	static inline void func##p(type *p) \
	{                                   \
		if (*p)                     \
			func(*p);           \
	}                                   \
	struct cleanup_needs_semicolon

#endif
