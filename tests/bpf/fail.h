/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What fail-malloc.c and fail-calls.c share: preloaded into paimond by no-memory, they make calls
 * fail when they are told to, by a file that both have mapped.
 */
#ifndef PAIMON_TESTS_FAIL_H
#define PAIMON_TESTS_FAIL_H

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* As in no-memory. */
static struct control {
	int64_t left;  /* calls until one fails; below 0: none does */
	int64_t all;   /* does all that follows fail too? */
	int64_t calls; /* so far */
	int64_t live;  /* blocks that are not freed */
} * control;

__attribute__((constructor)) static void map_control(void)
{
	int fd = open(getenv("FAIL_CONTROL") ?: "", O_RDWR | O_CLOEXEC);
	void *map = mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (fd < 0 || map == MAP_FAILED)
		_exit(99);
	close(fd);
	control = map;
}

/* Nothing fails after main(): what gcc adds there, to measure coverage, is not paimond's. */
typedef int main_function(int argc, char **argv, char **environment);
static main_function *real_main;

static int run_main(int argc, char **argv, char **environment)
{
	int status = real_main(argc, argv, environment);

	control = NULL;
	return status;
}

int __libc_start_main(main_function *main, int argc, char **argv, void (*init)(void),
		      void (*fini)(void), void (*end)(void), void *stack);
int __libc_start_main(main_function *main, int argc, char **argv, void (*init)(void),
		      void (*fini)(void), void (*end)(void), void *stack)
{
	__typeof__(__libc_start_main) *real = dlsym(RTLD_NEXT, "__libc_start_main");

	real_main = main;
	return real(run_main, argc, argv, init, fini, end, stack);
}

static int fails(int error)
{
	if (!control)
		return 0;
	control->calls++;
	if (control->left < 0 || control->left--)
		return 0;
	if (control->all)
		control->left = 0;
	errno = error;
	return 1;
}

#endif
