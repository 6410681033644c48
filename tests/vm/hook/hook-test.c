// SPDX-License-Identifier: GPL-2.0
/*
 * Plays groups of page requests on /dev/paimon-mock, seeded, from several
 * processes: partial and whole groups, unmapped, read-only and unbound ones.
 *
 * hook-test [--groups N] [--processes N] [--seed N]
 *
 * Prints what was reported and what was answered, as JSON: requests by access,
 * groups by response, requests refused before the last of their group. Fails if
 * an answer is not the one that was due. The commands `flush`, `discard`, `remove`,
 * `partial N` (N groups of one open request each) and `held N` (N whole groups that the
 * handler leaves pending) do just that. `vmm N` reports N groups that user space is to
 * answer, and answers them as a virtual machine monitor would: at once with success, the last
 * but one as invalid; says so, and answers the last one when its standard input ends.
 */
#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/helpers.h"
#include "mock.h"

#define PAGES 4096
#define VMM_GROUPS 45000 /* their first number */
#define READ 1
#define WRITE 2

struct totals {
	uint64_t requests[4]; /* by perm */
	uint64_t responses[3];
	uint64_t refused; /* requests that were not the last of their group */
};

static uint64_t random_state;

static int open_mock(uint32_t *ret_pasid)
{
	int fd = open("/dev/paimon-mock", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		die("/dev/paimon-mock");
	if (ret_pasid && ioctl(fd, MOCK_BIND, ret_pasid) < 0)
		die("MOCK_BIND");
	return fd;
}

struct memory {
	char *writable, *read_only, *unmapped;
};

static struct memory map_memory(size_t page)
{
	struct memory m = {
		.writable = mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
		.read_only = mmap(NULL, PAGES * page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1,
				  0),
		.unmapped = mmap(NULL, PAGES * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
	};

	if (m.writable == MAP_FAILED || m.read_only == MAP_FAILED || m.unmapped == MAP_FAILED)
		die("mmap");
	munmap(m.unmapped, PAGES * page);
	return m;
}

/* One group of one kind, and what its answer must be. */
static void play(int fd, uint32_t pasid, uint32_t grpid, const struct memory *m, size_t page,
		 struct totals *totals)
{
	struct mock_group group = {.pasid = pasid,
				   .grpid = grpid,
				   .nr = 1 + draw(&random_state, 4)};
	uint32_t kind = draw(&random_state, 20), due = kind < 3,
		 bad = draw(&random_state, group.nr);

	if (!draw(&random_state, 16))
		group.nr = MOCK_MAX_REQUESTS;
	if (kind == 2)
		group.pasid = 60000; /* nobody's */
	for (uint32_t i = 0; i < group.nr; i++) {
		uint32_t perm = 1 + draw(&random_state, 3);
		char *base = m->writable;

		if (i == bad && kind == 0)
			base = m->unmapped;
		if (i == bad && kind == 1) {
			base = m->read_only;
			perm |= WRITE;
		}
		group.requests[i].addr = (uintptr_t)(base + draw(&random_state, PAGES) * page);
		group.requests[i].perm = perm;
		totals->requests[perm]++;
	}
	if (ioctl(fd, MOCK_GROUP, &group) < 0)
		die("MOCK_GROUP");
	if (group.code != due) {
		fprintf(stderr, "hook-test: group %u of kind %u: response %u, due %u\n", grpid,
			kind, group.code, due);
		exit(1);
	}
	for (uint32_t i = 0; i < group.nr - 1; i++)
		totals->refused += group.requests[i].result < 0;
	totals->responses[group.code]++;
}

static struct totals play_all(uint32_t process, uint32_t groups, uint64_t seed)
{
	size_t page = sysconf(_SC_PAGESIZE);
	struct memory m = map_memory(page);
	struct totals totals = {};
	uint32_t pasid;
	int fd = open_mock(&pasid);

	random_state = seed * 1000 + process;
	for (uint32_t i = 0; i < groups; i++) {
		if (i % 1024 == 1023)
			madvise(m.writable, PAGES * page, MADV_DONTNEED);
		play(fd, pasid, process * 512 + i % 512, &m, page, &totals);
	}
	close(fd);
	return totals;
}

static int play_vmm(uint32_t nr)
{
	int fd = open_mock(NULL);
	uint32_t pasid;

	if (ioctl(fd, MOCK_BIND_USER, &pasid) < 0)
		die("MOCK_BIND_USER");
	for (uint32_t i = 0; i < nr; i++) {
		struct mock_group group = {.pasid = pasid,
					   .grpid = VMM_GROUPS + i,
					   .nr = 1,
					   .by_user = 1};

		group.requests[0].perm = READ;
		if (ioctl(fd, MOCK_GROUP, &group) < 0 || group.requests[0].result < 0)
			die("MOCK_GROUP");
	}
	for (uint32_t i = 0; i < nr; i++) {
		struct mock_answer answer = {.grpid = VMM_GROUPS + i, .code = i + 2 == nr};

		if (i + 1 == nr) {
			puts("one waits");
			fflush(stdout);
			while (getchar() != EOF)
				;
		}
		if (ioctl(fd, MOCK_ANSWER, &answer) < 0)
			die("MOCK_ANSWER");
	}
	close(fd);
	return 0;
}

static int command(const char *name, const char *argument)
{
	uint32_t pasid, nr = argument ? atoi(argument) : 0;
	bool held = !strcmp(name, "held");
	int fd = open_mock(nr ? &pasid : NULL), r = 0;

	if (!strcmp(name, "flush"))
		r = ioctl(fd, MOCK_FLUSH);
	else if (!strcmp(name, "discard"))
		r = ioctl(fd, MOCK_DISCARD);
	else if (!strcmp(name, "remove"))
		r = ioctl(fd, MOCK_REMOVE);
	for (uint32_t i = 0; i < nr && !r; i++) {
		struct mock_group group = {.pasid = pasid,
					   .grpid = (held ? MOCK_HELD : 40000) + i,
					   .nr = 1,
					   .open = !held};

		group.requests[0].perm = READ;
		r = ioctl(fd, MOCK_GROUP, &group) ?: group.requests[0].result;
	}
	if (r < 0)
		die(name);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"groups", required_argument, NULL, 'g'},
		{"processes", required_argument, NULL, 'p'},
		{"seed", required_argument, NULL, 's'},
		{},
	};
	uint32_t groups = 1000, processes = 1;
	struct totals all = {};
	uint64_t seed = 1;
	int c, failed = 0, pipes[2];

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (c == 'g')
			groups = atoi(optarg);
		else if (c == 'p')
			processes = atoi(optarg);
		else if (c == 's')
			seed = strtoull(optarg, NULL, 10);
		else
			return 2;
	if (optind < argc)
		return !strcmp(argv[optind], "vmm") && argc == optind + 2
			       ? play_vmm(atoi(argv[optind + 1]))
			       : command(argv[optind], argv[optind + 1]);
	if (pipe(pipes) < 0)
		die("pipe");
	for (uint32_t i = 0; i < processes; i++)
		if (!fork()) {
			struct totals totals =
				play_all(i, groups / processes + (i < groups % processes), seed);

			_exit(write(pipes[1], &totals, sizeof(totals)) != sizeof(totals));
		}
	for (int status; wait(&status) > 0;)
		failed |= status;
	if (failed)
		return 1;
	for (uint32_t i = 0; i < processes; i++) {
		struct totals totals;

		if (read(pipes[0], &totals, sizeof(totals)) != sizeof(totals))
			die("pipe");
		for (int j = 0; j < 4; j++)
			all.requests[j] += totals.requests[j];
		for (int j = 0; j < 3; j++)
			all.responses[j] += totals.responses[j];
		all.refused += totals.refused;
	}
	printf("{\"requests\": {\"read\": %ju, \"write\": %ju, \"read_write\": %ju}, "
	       "\"groups\": {\"success\": %ju, \"invalid\": %ju}, \"refused\": %ju}\n",
	       all.requests[READ], all.requests[WRITE], all.requests[READ | WRITE],
	       all.responses[0], all.responses[1], all.refused);
	return 0;
}
