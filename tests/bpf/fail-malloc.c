// SPDX-License-Identifier: GPL-2.0
/* Allocations that fail. Whatever allocates in the process is meant, libraries too. */
#include "fail.h"

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t nr, size_t size);
void *__libc_realloc(void *p, size_t size);
void __libc_free(void *p);

static void *count(void *p)
{
	if (control && p)
		control->live++;
	return p;
}

void *malloc(size_t size)
{
	return fails(ENOMEM) ? NULL : count(__libc_malloc(size));
}

void *calloc(size_t nr, size_t size)
{
	return fails(ENOMEM) ? NULL : count(__libc_calloc(nr, size));
}

void *realloc(void *p, size_t size)
{
	void *grown;

	if (fails(ENOMEM))
		return NULL;
	grown = __libc_realloc(p, size);
	return p ? grown : count(grown);
}

void free(void *p)
{
	if (control && p)
		control->live--;
	__libc_free(p);
}
