// SPDX-License-Identifier: GPL-2.0
/*
 * nnpa-load SEED CALLS BATCHES FUNCTIONS CGROUP...: a seeded load on the NNPA unit of
 * paimon_soft.ko.
 *
 * Eight processes, in turn in the cgroups, execute so many calls of functions 1 to
 * FUNCTIONS, in batches, now on CPU 0 and now on CPU 1. All of it must be counted. They
 * take their time until a byte, or the end, comes at standard input, and keep a tenth for
 * after that. When all were scheduled out, what they have executed is printed as one line of
 * JSON: a list of pid, comm, cgroup, cpu, counter, events. They stay until standard input
 * ends.
 *
 * Exit status: 0, or 1 and a message.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <paimon/nnpa.h>
#include <paimon/uapi.h>

#include "lib/helpers.h"
#include "lib/nnpa.h"

#define PROCESSES 8
#define CPUS 2
#define COUNTERS (PAIMON_NNPA_COUNTERS_2ND + 1)
#define STAY 8 /* batches that a process executes on a CPU */
#define PAUSE_NS 5000000L

/* What all processes share. */
static struct shared {
	volatile bool hurry;
	uint64_t executed[PROCESSES][CPUS][COUNTERS];
} * shared;

static uint64_t random_state;

static void pause_ns(long ns)
{
	nanosleep(&(struct timespec){.tv_nsec = ns}, NULL);
}

static void join(const char *cgroup)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "/sys/fs/cgroup%s/cgroup.procs", cgroup);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "0", 1) != 1)
		die(path);
	close(fd);
}

static void execute(int soft, int process, int cpu, uint32_t function, uint64_t count)
{
	struct paimon_soft_nnpa call = execute_nnpa(soft, function, count);

	if (call.cpu != (uint32_t)cpu || call.counted != count) {
		fprintf(stderr, "nnpa-load: of %llu calls on CPU %d %llu were counted, on CPU %u\n",
			(unsigned long long)count, cpu, (unsigned long long)call.counted, call.cpu);
		exit(1);
	}
	shared->executed[process][cpu][function] += count;
}

/* The share of a process. */
static void play(int process, uint64_t seed, uint64_t calls, uint64_t batches, uint32_t functions)
{
	int soft = open("/dev/paimon-soft", O_RDWR | O_CLOEXEC), cpu = 0;
	uint64_t nr = batches;

	if (soft < 0)
		die("/dev/paimon-soft (modprobe paimon_soft)");
	random_state = seed * PROCESSES + process;
	for (; nr; nr--) {
		uint64_t count = nr == 1 ? calls : 1 + draw(&random_state, 2 * (calls / nr) - 1);

		while (nr <= batches / 10 && !shared->hurry)
			pause_ns(PAUSE_NS);
		if (nr % STAY == 0 || nr == batches) {
			cpu = draw(&random_state, CPUS);
			pin_to(cpu);
		}
		execute(soft, process, cpu, 1 + draw(&random_state, functions), count);
		calls -= count;
		if (shared->hurry)
			sched_yield();
		else
			pause_ns(PAUSE_NS);
	}
	switch_out();
}

static void print(int process, pid_t pid, const char *cgroup)
{
	static const char *const names[] = {PAIMON_NNPA_NAMES};
	static const char *separator = "[";

	for (int cpu = 0; cpu < CPUS; cpu++)
		for (int i = 1; i < COUNTERS; i++) {
			uint64_t events = shared->executed[process][cpu][i];

			if (!events)
				continue;
			printf("%s{\"pid\": \"%d\", \"comm\": \"nnpa-%d\", \"cgroup\": \"%s\", "
			       "\"cpu\": \"%d\", \"counter\": \"%s\", \"events\": %llu}",
			       separator, pid, process, cgroup, cpu, names[i],
			       (unsigned long long)events);
			separator = ", ";
		}
}

int main(int argc, char **argv)
{
	uint64_t seed, calls, batches;
	int played[2], leave[2], status, failed = 0;
	pid_t pids[PROCESSES];
	uint32_t functions;
	char byte;

	if (argc < 6) {
		fprintf(stderr, "nnpa-load SEED CALLS BATCHES FUNCTIONS CGROUP...\n");
		return 1;
	}
	seed = strtoull(argv[1], NULL, 10);
	calls = strtoull(argv[2], NULL, 10) / PROCESSES;
	batches = strtoull(argv[3], NULL, 10) / PROCESSES;
	functions = strtoul(argv[4], NULL, 10);
	if (!batches || calls < batches || !functions || functions >= COUNTERS) {
		fprintf(stderr, "nnpa-load: nothing to execute, or no such functions\n");
		return 1;
	}
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (shared == MAP_FAILED || pipe(played) < 0 || pipe(leave) < 0)
		die("memory or pipes");
	for (int i = 0; i < PROCESSES; i++) {
		char comm[16];

		pids[i] = fork();
		if (pids[i] < 0)
			die("fork");
		if (pids[i])
			continue;
		close(leave[1]);
		close(played[0]);
		snprintf(comm, sizeof(comm), "nnpa-%d", i);
		prctl(PR_SET_NAME, comm);
		join(argv[5 + i % (argc - 5)]);
		play(i, seed, calls, batches, functions);
		close(played[1]);
		return read(leave[0], &byte, 1) != 0;
	}
	close(played[1]);
	while (read(STDIN_FILENO, &byte, 1) < 0 && errno == EINTR)
		;
	shared->hurry = true;
	/* Until all have played, or failed: that will be their status. */
	while (read(played[0], &byte, 1) > 0)
		;
	for (int i = 0; i < PROCESSES; i++)
		print(i, pids[i], argv[5 + i % (argc - 5)]);
	printf("]\n");
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	close(leave[1]);
	while (wait(&status) > 0)
		failed |= status;
	return failed ? 1 : 0;
}
