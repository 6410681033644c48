// SPDX-License-Identifier: GPL-2.0
/*
 * What cases of guests do with software system PMUs, and what loads and unloads modules as events
 * open and close:
 *
 *	cspmu-test count DEVICE EVENT COUNT [DEVICE EVENT COUNT]...
 *					events occur; EVENT may be cycles
 *	cspmu-test counts PMU DEVICE EVENT COUNT
 *					events occur while one of the PMU is open: prints its count
 *	cspmu-test storm DEVICE EVENT TIMES
 *					so often some events occur, half of what a counter goes
 *					before it overflows or more, while reads fail and tear;
 *					goes on, up to 50 times as often, until reads have failed
 *					and, where counters have halves, torn; prints the number of
 *					overflows, failed and torn reads
 *	cspmu-test plug DEVICE 0|1	takes the device out, or puts it in
 *	cspmu-test record DEVICE EVENT	what the device has counted of an event
 *	cspmu-test hold PMU CONFIG	opens an event, says so, and counts until it is killed
 *	cspmu-test race MODULE FILE ROUNDS
 *					loads and unloads a module as events of soft0 open and close
 *	cspmu-test race plug DEVICE ROUNDS
 *					takes the device out and puts it in as its events do
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cspmu-test.h"
#include "lib/helpers.h"

/* All that is known of a device, and of its events, comes and goes as others open and close. */
static volatile bool stop;
static long opened;
static unsigned int raced; /* the device */

static void *open_what_is_there(void *seed)
{
	uint64_t dice = (uintptr_t)seed;

	while (!stop) {
		struct perf_event_attr attr = {.size = sizeof(attr), .config = 0x1a5};
		char name[16], pmu[64], line[64];
		int fd, cpu;

		usleep(draw(&dice, 500));
		snprintf(name, sizeof(name), "soft%u", raced);
		read_line(pmu, sizeof(pmu), CLASS, name, "pmu");
		if (!*pmu)
			continue;
		read_line(line, sizeof(line), PMUS, pmu, "type");
		attr.type = strtoul(line, NULL, 0);
		cpu = number_of(PMUS, pmu, "cpumask");
		/* It is tried again and again with a number that may be nobody's any more. */
		for (int i = 0; attr.type && i < 20 && !stop; i++) {
			fd = open_attr(attr, -1, cpu, -1);
			if (fd < 0)
				break;
			close(fd);
			__atomic_add_fetch(&opened, 1, __ATOMIC_RELAXED);
			/* Now and then there is no event, so that all of it can go. */
			usleep(draw(&dice, 500));
		}
	}
	return NULL;
}

/* Comes and goes: the module, or the device where there is none. Returns 0 or -1 with errno. */
static int come(const char *file)
{
	int fd, ret;

	if (!file)
		return plug(raced, true);
	fd = open(file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	ret = syscall(SYS_finit_module, fd, "", 0);
	close(fd);
	return ret;
}

static int go(const char *module)
{
	int ret = module ? syscall(SYS_delete_module, module, O_NONBLOCK) : plug(raced, false);

	if (ret && (module ? errno == EWOULDBLOCK : ret == -EBUSY))
		return 1; /* there are events */
	return ret;
}

static int race(const char *module, const char *file, long rounds)
{
	pthread_t openers[2];
	long refused = 0;

	for (int i = 0; i < 2; i++)
		if (pthread_create(&openers[i], NULL, open_what_is_there,
				   (void *)(uintptr_t)(i + 1)))
			die("thread");
	for (long round = 0; round < rounds; round++) {
		long before = opened;
		int ret;

		/* So that there is something to race with. */
		while (__atomic_load_n(&opened, __ATOMIC_RELAXED) == before)
			usleep(100);
		while ((ret = go(module)) > 0) {
			refused++;
			usleep(100);
		}
		if (ret || come(file)) {
			printf("not ok race - round %ld: %s\n", round, strerror(errno));
			return 1;
		}
	}
	stop = true;
	for (int i = 0; i < 2; i++)
		pthread_join(openers[i], NULL);
	printf("%ld rounds, %ld events opened, %ld times refused\n", rounds, opened, refused);
	return 0;
}

static uint32_t event_named(const char *text)
{
	return strcmp(text, "cycles") ? strtoul(text, NULL, 0) : CYCLES;
}

static void storm(unsigned int number, uint32_t event, unsigned int times)
{
	struct device device = find_soft(number);
	const struct paimon_soft_cspmu_record *record = device.record;
	uint64_t overflows = record->overflows, failing = record->failed, torn = record->torn;
	unsigned int width = number_of(PARAMETERS, "", "cspmu_width");
	uint64_t dice = 28, quarter = 1ull << (width - 2);
	bool all = false; /* has happened: it depends on who reads meanwhile */

	for (unsigned int i = 0; i < times || (!all && i < 50 * times); i++) {
		all = record->failed > failing && (width == 32 || record->torn > torn);
		go_wrong(&device, draw(&dice, 40), draw(&dice, 4));
		occur(&device, event, quarter + ((uint64_t)draw(&dice, 1u << 30) << (width - 32)));
	}
	go_wrong(&device, 0, 0);
	printf("%llu %llu %llu\n", (unsigned long long)(record->overflows - overflows),
	       (unsigned long long)(record->failed - failing),
	       (unsigned long long)(record->torn - torn));
}

int command(int argc, char **argv)
{
	if (!strcmp(argv[1], "count")) {
		for (int i = 2; i + 2 < argc; i += 3) {
			struct device device = {.number = atoi(argv[i])};

			occur(&device, event_named(argv[i + 1]), strtoull(argv[i + 2], NULL, 0));
		}
		return 0;
	}
	if (!strcmp(argv[1], "counts") && argc == 6) {
		struct device device = {.number = atoi(argv[3]),
					.type = number_of(PMUS, argv[2], "type"),
					.cpu = number_of(PMUS, argv[2], "cpumask")};
		int fd = count_event(&device, strtoull(argv[4], NULL, 0));

		occur(&device, event_named(argv[4]), strtoull(argv[5], NULL, 0));
		printf("%llu\n", (unsigned long long)value(fd));
		return 0;
	}
	if (!strcmp(argv[1], "storm") && argc == 5) {
		storm(atoi(argv[2]), event_named(argv[3]), atoi(argv[4]));
		return 0;
	}
	if (!strcmp(argv[1], "plug") && argc == 4) {
		int ret = plug(atoi(argv[2]), atoi(argv[3]));

		if (ret)
			printf("%s\n", strerror(-ret));
		return !!ret;
	}
	if (!strcmp(argv[1], "record") && argc == 4) {
		struct device device = find_soft(atoi(argv[2]));

		printf("%llu\n", (unsigned long long)recorded(&device, event_named(argv[3])));
		return 0;
	}
	if (!strcmp(argv[1], "hold") && argc == 4) {
		struct device device = {.type = number_of(PMUS, argv[2], "type"),
					.cpu = number_of(PMUS, argv[2], "cpumask")};
		int fd = count_event(&device, strtoull(argv[3], NULL, 0));

		if (fd < 0) {
			printf("%s\n", strerror(-fd));
			return 1;
		}
		close(soft); /* the event alone holds */
		printf("open\n");
		while (getchar() != EOF)
			printf("%llu\n", (unsigned long long)value(fd));
		return 0;
	}
	if (!strcmp(argv[1], "race") && argc == 5) {
		bool device = !strcmp(argv[2], "plug");

		if (device)
			raced = atoi(argv[3]);
		else
			close(soft);
		return race(device ? NULL : argv[2], device ? NULL : argv[3], atol(argv[4]));
	}
	return -1;
}
