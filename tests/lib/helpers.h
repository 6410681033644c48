/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What tests, fuzzers, benchmarks and load generators share. Where a function says nothing of
 * errors, it succeeds or calls die().
 */
#ifndef PAIMON_TESTS_HELPERS_H
#define PAIMON_TESTS_HELPERS_H

#include <linux/perf_event.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Reports what failed, with errno. Fails the test (die-cmocka.c; in a child or thread of it, ends
 * the process with 1), or ends the program (die.c). */
_Noreturn void die(const char *what);

/* Pins this thread to a CPU, until unpin(). */
void pin_to(int cpu);
void unpin(void);

/* Gets this thread scheduled out, and returns when it runs again. */
void switch_out(void);

/* A pseudo-random number below a limit of 2^31 at most; state starts as the seed. */
uint32_t draw(uint64_t *state, uint32_t below);

/* Waits for a child, and returns its status as waitpid(2) does: 0 if it exited with 0. */
int wait_for(pid_t child);

/* Gives this process a mount namespace of its own. Returns 0, or -1 with errno. */
int own_mounts(void);

/* Mounts tracefs if it is not mounted. Returns 0, or -1 with errno. */
int mount_tracefs(void);

/* Has the kernel trace what paimon.ko fires, from an empty trace on; ends that, and returns the
 * lines of the trace, to be freed. */
void start_trace(void);
char *end_trace(void);

/* perf_event_open(2), which libc does not have; sets attr->size. Returns -1 with errno. */
int perf_event_open(struct perf_event_attr *attr, pid_t pid, int cpu, int group);

/* The count of a perf event without a read_format. */
uint64_t read_count(int fd);

/* How many descriptors a process has open; of this one, the one that it is counted with, too. */
int count_descriptors(pid_t pid);

void write_file(const char *path, const void *data, size_t size);
void write_text(const char *path, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Removes a folder with all that is in it. */
void remove_tree(const char *path);

/*
 * Connects to a struct sockaddr_un or sockaddr_in; receive_buffer: SO_RCVBUF in bytes, or 0 for the
 * default. Returns a descriptor, or -1 with errno.
 */
int dial(const void *address, int type, int receive_buffer);

/* sendmsg(2) with the descriptors, 253 at most. */
ssize_t send_message(int socket, const void *data, size_t size, const int *fds, size_t nr,
		     int flags);

#endif
