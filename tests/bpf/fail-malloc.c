// SPDX-License-Identifier: GPL-2.0
/*
 * Preloaded into paimond by no-memory: allocations fail when they are told to, by a file
 * that both have mapped. Whatever allocates in the process is meant, libraries too.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* As in no-memory. */
static struct control {
	int64_t left;  /* allocations until one fails; below 0: none does */
	int64_t all;   /* does all that follows fail too? */
	int64_t calls; /* so far */
	int64_t live;  /* blocks that are not freed */
} * control;

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t nr, size_t size);
void *__libc_realloc(void *p, size_t size);
void __libc_free(void *p);

__attribute__((constructor)) static void map_control(void)
{
	int fd = open(getenv("FAIL_MALLOC") ?: "", O_RDWR | O_CLOEXEC);
	void *map = mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (fd < 0 || map == MAP_FAILED)
		_exit(99);
	close(fd);
	control = map;
}

static int fails(void)
{
	if (!control)
		return 0;
	control->calls++;
	if (control->left < 0 || control->left--)
		return 0;
	if (control->all)
		control->left = 0;
	errno = ENOMEM;
	return 1;
}

static void *count(void *p)
{
	if (control && p)
		control->live++;
	return p;
}

void *malloc(size_t size)
{
	return fails() ? NULL : count(__libc_malloc(size));
}

void *calloc(size_t nr, size_t size)
{
	return fails() ? NULL : count(__libc_calloc(nr, size));
}

void *realloc(void *p, size_t size)
{
	void *grown;

	if (fails())
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
