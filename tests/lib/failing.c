// SPDX-License-Identifier: GPL-2.0
#include "failing.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cmocka.h>

#include "helpers.h"

#define MAX_CALLS 4096 /* of what is run */
#define MAX_DEPTH 32   /* of the stack that tells a call from others */

static long left = -1;		  /* calls until one fails; below 0: none does */
static const char *refused;	  /* the one that has */
static uint64_t calls[MAX_CALLS]; /* what calls have come from, a hash of the stack */
static long nr_calls = -1;	  /* -1: they are not recorded */

static void record(void)
{
	void *stack[MAX_DEPTH];
	int depth = backtrace(stack, MAX_DEPTH);
	uint64_t hash = 0;

	for (int i = 0; i < depth; i++)
		hash = (hash + (uintptr_t)stack[i]) * 6364136223846793005ULL;
	assert_true(nr_calls < MAX_CALLS);
	calls[nr_calls++] = hash;
}

static bool fails(const char *name, int error)
{
	if (nr_calls >= 0)
		record();
	if (left < 0 || left--)
		return false;
	refused = name;
	errno = error;
	return true;
}

/* __wrap_NAME(PARAMETERS), which returns FAILED, with errno. */
#define FAILING(type, name, error, failed, parameters, ...)                       \
	type __real_##name parameters;                                            \
	type __wrap_##name parameters;                                            \
	type __wrap_##name parameters                                             \
	{                                                                         \
		return fails(#name, error) ? failed : __real_##name(__VA_ARGS__); \
	}

FAILING(void *, malloc, ENOMEM, NULL, (size_t size), size)
FAILING(void *, calloc, ENOMEM, NULL, (size_t nr, size_t size), nr, size)
FAILING(void *, realloc, ENOMEM, NULL, (void *p, size_t size), p, size)
FAILING(void *, reallocarray, ENOMEM, NULL, (void *p, size_t nr, size_t size), p, nr, size)
FAILING(char *, strdup, ENOMEM, NULL, (const char *text), text)
FAILING(int, vasprintf, ENOMEM, -1, (char **ret_text, const char *format, va_list ap), ret_text,
	format, ap)
FAILING(FILE *, open_memstream, ENOMEM, NULL, (char **ret_data, size_t *ret_size), ret_data,
	ret_size)

FAILING(int, access, EACCES, -1, (const char *path, int mode), path, mode)
FAILING(FILE *, fopen64, EMFILE, NULL, (const char *path, const char *mode), path, mode)
FAILING(int, fstat64, EIO, -1, (int fd, struct stat64 *ret_stat), fd, ret_stat)
FAILING(int, fstatfs64, EIO, -1, (int fd, struct statfs64 *ret_stat), fd, ret_stat)
FAILING(int, mkdir, EACCES, -1, (const char *path, mode_t mode), path, mode)
FAILING(void *, mmap64, EPERM, MAP_FAILED,
	(void *address, size_t size, int protection, int flags, int fd, off64_t offset), address,
	size, protection, flags, fd, offset)
FAILING(DIR *, opendir, EMFILE, NULL, (const char *path), path)
FAILING(int, rename, EACCES, -1, (const char *from, const char *to), from, to)
FAILING(int, socket, EMFILE, -1, (int domain, int type, int protocol), domain, type, protocol)
FAILING(int, stat64, EACCES, -1, (const char *path, struct stat64 *ret_stat), path, ret_stat)
FAILING(int, statfs64, EACCES, -1, (const char *path, struct statfs64 *ret_stat), path, ret_stat)

FAILING(int, bpf_iter_create, EPERM, -EPERM, (int link), link)
FAILING(int, bpf_link_create, EPERM, -EPERM,
	(int program, int target, enum bpf_attach_type type,
	 const struct bpf_link_create_opts *options),
	program, target, type, options)
FAILING(int, bpf_map_create, EPERM, -EPERM,
	(enum bpf_map_type type, const char *name, __u32 key_size, __u32 value_size, __u32 entries,
	 const struct bpf_map_create_opts *options),
	type, name, key_size, value_size, entries, options)
FAILING(int, bpf_map_delete_elem, EPERM, -EPERM, (int map, const void *key), map, key)
FAILING(int, bpf_map_get_next_key, EPERM, -EPERM, (int map, const void *key, void *ret_key), map,
	key, ret_key)
FAILING(int, bpf_map_lookup_batch, EPERM, -EPERM,
	(int map, void *from, void *ret_to, void *keys, void *values, __u32 *count,
	 const struct bpf_map_batch_opts *options),
	map, from, ret_to, keys, values, count, options)
FAILING(int, bpf_map_lookup_elem, EPERM, -EPERM, (int map, const void *key, void *ret_value), map,
	key, ret_value)
FAILING(int, bpf_map_update_elem, EPERM, -EPERM,
	(int map, const void *key, const void *value, __u64 flags), map, key, value, flags)
FAILING(int, bpf_map__reuse_fd, EMFILE, -EMFILE, (struct bpf_map * map, int fd), map, fd)
FAILING(int, bpf_obj_get, EACCES, -EACCES, (const char *path), path)
FAILING(int, bpf_obj_get_info_by_fd, EPERM, -EPERM, (int fd, void *ret_info, __u32 *size), fd,
	ret_info, size)
FAILING(int, bpf_obj_pin, EACCES, -EACCES, (int fd, const char *path), fd, path)
FAILING(int, bpf_object__load_skeleton, EPERM, -EPERM, (struct bpf_object_skeleton * skeleton),
	skeleton)
FAILING(int, bpf_object__open_skeleton, ENOMEM, -ENOMEM,
	(struct bpf_object_skeleton * skeleton, const struct bpf_object_open_opts *options),
	skeleton, options)
FAILING(int, bpf_prog_load, EPERM, -EPERM,
	(enum bpf_prog_type type, const char *name, const char *license,
	 const struct bpf_insn *insns, size_t nr, const struct bpf_prog_load_opts *options),
	type, name, license, insns, nr, options)
FAILING(int, bpf_prog_test_run_opts, EPERM, -EPERM,
	(int program, struct bpf_test_run_opts *options), program, options)
FAILING(struct bpf_link *, bpf_program__attach_iter, EPERM, NULL,
	(const struct bpf_program *program, const struct bpf_iter_attach_opts *options), program,
	options)
FAILING(int, bpf_raw_tracepoint_open, EPERM, -EPERM, (const char *name, int program), name, program)
FAILING(struct btf *, btf__parse, EACCES, NULL, (const char *path, struct btf_ext **ret_ext), path,
	ret_ext)
FAILING(struct ring_buffer *, ring_buffer__new, ENOMEM, NULL,
	(int map, ring_buffer_sample_fn call, void *context,
	 const struct ring_buffer_opts *options),
	map, call, context, options)

/* Those with any number of parameters. */

int __wrap_asprintf(char **ret_text, const char *format, ...);
int __wrap_asprintf(char **ret_text, const char *format, ...)
{
	va_list ap;
	int r;

	if (fails("asprintf", ENOMEM))
		return -1;
	va_start(ap, format);
	r = __real_vasprintf(ret_text, format, ap);
	va_end(ap);
	return r;
}

/* The argument after the named ones of a call. */
#define ARGUMENT_AFTER(named)              \
	({                                 \
		va_list ap;                \
		void *more;                \
                                           \
		va_start(ap, named);       \
		more = va_arg(ap, void *); \
		va_end(ap);                \
		more;                      \
	})

int __real_fcntl64(int fd, int command, ...);
int __wrap_fcntl64(int fd, int command, ...);
int __wrap_fcntl64(int fd, int command, ...)
{
	void *argument = ARGUMENT_AFTER(command);

	return fails("fcntl", EMFILE) ? -1 : __real_fcntl64(fd, command, argument);
}

int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...)
{
	void *argument = ARGUMENT_AFTER(request);

	return fails("ioctl", EIO) ? -1 : __real_ioctl(fd, request, argument);
}

int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...)
{
	void *mode = ARGUMENT_AFTER(flags);

	return fails("open", EMFILE) ? -1 : __real_open64(path, flags, (mode_t)(uintptr_t)mode);
}

int __real_openat64(int fd, const char *path, int flags, ...);
int __wrap_openat64(int fd, const char *path, int flags, ...);
int __wrap_openat64(int fd, const char *path, int flags, ...)
{
	void *mode = ARGUMENT_AFTER(flags);

	return fails("openat", EMFILE) ? -1
				       : __real_openat64(fd, path, flags, (mode_t)(uintptr_t)mode);
}

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
long __wrap_syscall(long number, ...)
{
	va_list ap;
	long a[6];

	va_start(ap, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	return fails("syscall", EMFILE)
		       ? -1
		       : __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* Blocks that malloc() caches would count as in use. */
#define TUNABLES "GLIBC_TUNABLES"

static bool is_exact; /* without a cache */

__attribute__((constructor)) static void run_without_cache(int argc, char **argv)
{
	is_exact = getenv(TUNABLES);
	if (is_exact)
		return;
	setenv(TUNABLES, "glibc.malloc.tcache_count=0", 1);
	execv(argv[0], argv); /* an emulator may refuse */
}

struct in_use {
	size_t bytes;
	int descriptors;
};

static struct in_use look(void)
{
	return (struct in_use){mallinfo2().uordblks, count_descriptors(getpid())};
}

static void run(const struct failing *what, long nr)
{
	if (what->prepare)
		what->prepare();
	refused = NULL;
	left = nr;
	what->run();
	left = -1;
	if (getenv("PAIMON_SHOW"))
		print_message("%s: call %ld: %s\n", what->name, nr, refused ?: "none");
	what->check(refused);
}

/* Has a call come from where an earlier one has, as in a loop? */
static bool is_repeated(long nr)
{
	for (long i = 0; i < nr; i++)
		if (calls[i] == calls[nr])
			return true;
	return false;
}

long each_call_fails(const struct failing *what)
{
	struct in_use before, after;
	long nr = 0, nr_failed = 0;

	/* What is made once is made now. */
	run(what, -1);
	if (what->prepare)
		what->prepare();
	nr_calls = 0;
	what->run();
	nr = nr_calls;
	nr_calls = -1;
	what->check(false);
	after = look();
	for (long i = 0; i < nr; i++) {
		int times = 0;
		bool more;

		if (is_repeated(i))
			continue;
		/* What is made once, or grows, is as large as it was needed then; a leak grows each
		 * time. */
		do {
			before = after;
			run(what, i);
			after = look();
			more = after.descriptors > before.descriptors ||
			       (is_exact && after.bytes > before.bytes);
			if (more && times == 3)
				fail_msg(
					"%s: without call %ld, %s(): %zu bytes and %d descriptors are in use, before %zu and %d",
					what->name, i, refused ?: "which is none", after.bytes,
					after.descriptors, before.bytes, before.descriptors);
		} while (more && times++ < 3);
		nr_failed += refused != NULL;
	}
	print_message("%s: %ld of %ld calls\n", what->name, nr_failed, nr);
	return nr_failed;
}
