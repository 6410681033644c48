// SPDX-License-Identifier: GPL-2.0
#include "replay.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "../../util/clock.h"
#include "../../util/cpulist.h"
#include "../../util/log.h"
#include "../iopf/iopf_source.h"
#include "../pai/pai_source.h"
#include "../source.h"
#include "dice.h"

#define SEED 0x9a1e04ULL
#define TICK_USEC 2000

#define NR_DEVICES 3
#define NR_GROUPS 4096	       /* group numbers of a device; some share a direct slot */
#define SPIN_NS 200000	       /* busy-wait for an event due within this time */
#define MAX_BEHIND_NS 50000000 /* after the process was stopped: no burst to catch up */
#define MAX_EVENTS (NR_DEVICES * NR_GROUPS)

/* A group in flight, and the next thing that happens to it. */
struct group {
	uint64_t due_ns;
	enum iopf_program next;
	uint32_t device;
	uint32_t grpid;
	uint32_t sent; /* requests so far */
	uint32_t size;
};

struct iopf_scenario {
	struct source *source;
	struct dice *dice;
	uint64_t next_open_ns;
	uint64_t opened;
	bool in_flight[NR_DEVICES][NR_GROUPS];
	struct group heap[MAX_EVENTS]; /* a heap ordered by due_ns */
	size_t nr;
	int error; /* of the latest run of a program: 0 or a negative errno */
};

static void push(struct iopf_scenario *scenario, struct group group)
{
	size_t i = scenario->nr++;

	for (; i && scenario->heap[(i - 1) / 2].due_ns > group.due_ns; i = (i - 1) / 2)
		scenario->heap[i] = scenario->heap[(i - 1) / 2];
	scenario->heap[i] = group;
}

static struct group pop(struct iopf_scenario *scenario)
{
	struct group first = scenario->heap[0], last = scenario->heap[--scenario->nr];
	size_t i = 0, child;

	for (; (child = 2 * i + 1) < scenario->nr; i = child) {
		if (child + 1 < scenario->nr &&
		    scenario->heap[child + 1].due_ns < scenario->heap[child].due_ns)
			child++;
		if (last.due_ns <= scenario->heap[child].due_ns)
			break;
		scenario->heap[i] = scenario->heap[child];
	}
	scenario->heap[i] = last;
	return first;
}

static void run(struct iopf_scenario *scenario, const struct group *group,
		enum iopf_program program, uint64_t third, uint64_t fourth, uint64_t fifth)
{
	/* dev, pasid, grpid, then arguments of the tracepoint; a request has no device name. */
	uint64_t args[8] = {
		group->device + 1, 1 + group->device, group->grpid, third, fourth, fifth};

	scenario->error = iopf_source_run(scenario->source, program, args);
}

/* Requests up to the given number; the last one of the group says so. */
static void request(struct iopf_scenario *scenario, struct group *group, uint32_t up_to)
{
	static const uint32_t perms[] = {
		PAIMON_IOPF_PERM_READ,
		PAIMON_IOPF_PERM_READ,
		PAIMON_IOPF_PERM_WRITE,
		PAIMON_IOPF_PERM_READ | PAIMON_IOPF_PERM_WRITE,
	};

	for (; group->sent < up_to; group->sent++)
		run(scenario, group, IOPF_REQUEST, 0x7f0000000000 + group->sent * 4096ULL,
		    perms[(group->grpid + group->sent) % 4],
		    PAIMON_IOPF_PASID_VALID |
			    (group->sent + 1 == group->size ? PAIMON_IOPF_LAST : 0));
}

/* Half the groups have one request, few have hundreds. */
static uint32_t draw_size(struct dice *dice)
{
	double size = floor(pow(2, -1.6 * log2(1 - dice_uniform(dice))) / 1.5);

	return size < 1 ? 1 : size > 512 ? 512 : size;
}

/* The time of what happens next. */
static uint64_t draw_due(struct dice *dice, double median_ns, double sigma)
{
	return clock_ns(CLOCK_MONOTONIC) + dice_latency(dice, median_ns, sigma);
}

static void open_group(struct iopf_scenario *scenario)
{
	struct dice *dice = scenario->dice;
	struct group group = {
		.device = scenario->opened % NR_DEVICES,
		.grpid = scenario->opened / NR_DEVICES % NR_GROUPS,
		.size = draw_size(dice),
		.next = IOPF_HANDLE,
	};
	bool *in_flight = &scenario->in_flight[group.device][group.grpid];
	double fate = dice_uniform(dice);

	scenario->opened++;
	if (*in_flight)
		return;
	*in_flight = true;
	if (group.size > 1 && fate < 0.05) {
		/* Its last request comes later, or is lost in an overflow. */
		request(scenario, &group, group.size - 1);
		group.next = fate < 0.002 ? IOPF_DISCARD : IOPF_REQUEST;
		group.due_ns = draw_due(dice, 2e6, 0.7);
	} else {
		request(scenario, &group, group.size);
		group.due_ns = draw_due(dice, 8e3, 0.8);
	}
	push(scenario, group);
}

/* Fires the event that is due, and schedules the next one of the group. */
static void step(struct iopf_scenario *scenario)
{
	struct group group = pop(scenario);
	struct dice *dice = scenario->dice;
	double fate;

	switch (group.next) {
	case IOPF_REQUEST:
		request(scenario, &group, group.size);
		group.next = IOPF_HANDLE;
		group.due_ns = draw_due(dice, 8e3, 0.8);
		break;
	case IOPF_HANDLE:
		run(scenario, &group, IOPF_HANDLE, group.size, 0, 0);
		group.next = IOPF_RESPONSE;
		/* One in twenty waits for a disk. */
		group.due_ns = dice_uniform(dice) < 0.05
				       ? draw_due(dice, 1.5e6, 0.6)
				       : draw_due(dice, 25e3 + 400. * group.size, 0.6);
		break;
	case IOPF_RESPONSE:
		fate = dice_uniform(dice);
		run(scenario, &group, IOPF_RESPONSE,
		    fate < 0.0005 ? PAIMON_IOPF_FAILURE
		    : fate < 0.02 ? PAIMON_IOPF_INVALID
				  : PAIMON_IOPF_SUCCESS,
		    0, 0);
		scenario->in_flight[group.device][group.grpid] = false;
		return;
	default:
		run(scenario, &group, IOPF_DISCARD, group.sent, PAIMON_IOPF_OVERFLOW, 0);
		scenario->in_flight[group.device][group.grpid] = false;
		return;
	}
	push(scenario, group);
}

int iopf_play(struct source *source, struct dice *dice, double rate)
{
	struct iopf *iopf = source->data;
	struct iopf_scenario *scenario = iopf->scenario ?: calloc(1, sizeof(*scenario));
	uint64_t now = clock_ns(CLOCK_MONOTONIC), interval_ns = 1e9 / rate;

	if (!scenario)
		return -ENOMEM;
	iopf->scenario = scenario;
	scenario->source = source;
	scenario->dice = dice;
	if (now > scenario->next_open_ns + MAX_BEHIND_NS)
		scenario->next_open_ns = now;
	while (scenario->next_open_ns <= now && scenario->nr < MAX_EVENTS) {
		open_group(scenario);
		scenario->next_open_ns += interval_ns;
	}
	while (scenario->nr && scenario->heap[0].due_ns < clock_ns(CLOCK_MONOTONIC) + SPIN_NS) {
		while (scenario->heap[0].due_ns > clock_ns(CLOCK_MONOTONIC))
			;
		step(scenario);
	}
	return scenario->error;
}

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

struct replay {
	struct source *sources;
	size_t nr_sources;
	double rate;
	sd_event_source *timer;
	struct dice dice;
	bool failed[]; /* of each source */
};

static int on_tick(sd_event_source *timer, uint64_t usec, void *data)
{
	struct replay *replay = data;

	for (size_t i = 0; i < replay->nr_sources; i++) {
		struct source *source = &replay->sources[i];
		int r;

		if (!source->ops->play || source->state != SOURCE_UP)
			continue;
		r = source->ops->play(source, &replay->dice, replay->rate);
		if (r < 0 && !replay->failed[i])
			log_error("replay: cannot run a program: %s", strerror(-r));
		replay->failed[i] = r < 0;
	}
	return sd_event_source_set_time_relative(timer, TICK_USEC);
}

static int check_sources(const struct source *sources, size_t nr_sources)
{
	for (size_t i = 0; i < nr_sources; i++)
		if (sources[i].ops->play && sources[i].state != SOURCE_UP) {
			log_error("nothing can be replayed without the sources above "
				  "(paimonctl check says what this machine lacks)");
			return -ENOTSUP;
		}
	return 0;
}

int replay_new(struct source *sources, size_t nr_sources, sd_event *event, double rate,
	       struct replay **ret_replay)
{
	struct replay *replay;
	int r = check_sources(sources, nr_sources);

	if (r < 0)
		return r;
	replay = calloc(1, sizeof(*replay) + nr_sources * sizeof(*replay->failed));
	if (!replay)
		return -ENOMEM;
	replay->sources = sources;
	replay->nr_sources = nr_sources;
	replay->rate = rate;
	replay->dice = (struct dice){SEED};
	r = sd_event_add_time_relative(event, &replay->timer, CLOCK_MONOTONIC, TICK_USEC, 1,
				       on_tick, replay);
	if (r >= 0)
		r = sd_event_source_set_enabled(replay->timer, SD_EVENT_ON);
	if (r < 0) {
		replay_free(replay);
		return r;
	}
	*ret_replay = replay;
	return 0;
}

struct replay *replay_free(struct replay *replay)
{
	if (!replay)
		return NULL;
	sd_event_source_disable_unref(replay->timer);
	free(replay);
	return NULL;
}
