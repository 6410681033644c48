// SPDX-License-Identifier: GPL-2.0
/*
 * The synthetic samples of a replay: processes that execute NNPA functions. Called by replay/
 * on the daemon's one thread.
 */
#include <stdlib.h>
#include <string.h>

#include "../../util/clock.h"
#include "../../util/cpulist.h"
#include "../replay/dice.h"
#include "../source.h"
#include "pai_source.h"

#define ONLINE "/sys/devices/system/cpu/online"
#define MAX_CPU 8191
#define SAMPLE_NS 4000000

/* Simulates a context switch, after some functions typical of the process. */
static void play_sample(struct source *source, struct dice *dice)
{
	static const struct {
		const char *path, *comm;
		uint16_t numbers[5]; /* ascending */
		double median;	     /* calls of each */
	} processes[] = {
		{"/system.slice/inference.service", "inference", {1, 10, 19, 20, 21}, 120},
		{"/system.slice/inference.service", "inference", {1, 10, 19, 20, 22}, 90},
		{"/system.slice/fraud.service", "fraud-score", {1, 3, 17, 18, 20}, 40},
		{"/user.slice/user-1000.slice", "python3", {1, 2, 12, 13, 20}, 8},
	};
	struct pai *pai = source->data;
	struct pai_scenario *scenario = &pai->scenario;
	size_t i = scenario->samples % (sizeof(processes) / sizeof(*processes));
	struct pai_made_up sample = {.tgid = 4000 + 17 * i, .start_ns = 1 + i};

	strcpy(sample.path, processes[i].path);
	strcpy(sample.comm, processes[i].comm);
	for (size_t j = 0; j < 5; j++) {
		uint64_t calls = dice_latency(dice, processes[i].median, 0.6);

		if (calls)
			sample.records[sample.nr++] =
				(struct paimon_pai_record){processes[i].numbers[j], calls};
	}
	if (sample.nr)
		scenario->error = pai_source_play(
			source, &sample, scenario->cpus[scenario->samples % scenario->nr_cpus]);
	scenario->samples++;
}

int pai_play(struct source *source, struct dice *dice, double rate)
{
	struct pai *pai = source->data;
	struct pai_scenario *scenario = &pai->scenario;
	uint64_t now = clock_ns(CLOCK_MONOTONIC);
	int r = scenario->cpus ? 0
			       : cpulist_read(ONLINE, MAX_CPU, &scenario->cpus, &scenario->nr_cpus);

	if (r < 0)
		return r;
	if (now >= scenario->next_ns) {
		scenario->next_ns = now + SAMPLE_NS;
		play_sample(source, dice);
	}
	return scenario->error;
}
