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
#define NR_DEVICES 3
#define NR_GROUPS 4096 /* group numbers of a device; some share a direct slot */
#define TICK_USEC 2000
#define SAMPLE_NS 4000000
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

struct replay {
	struct source *iopf, *pai;
	sd_event_source *timer;
	struct dice dice;
	uint64_t interval_ns;
	uint64_t next_open_ns;
	uint64_t opened;
	bool in_flight[NR_DEVICES][NR_GROUPS];
	struct group heap[MAX_EVENTS]; /* a heap ordered by due_ns */
	size_t nr;
	uint64_t next_sample_ns;
	uint64_t samples;
	unsigned int *cpus; /* online at the start */
	size_t nr_cpus;
	bool failed, sample_failed;
};

static void push(struct replay *replay, struct group group)
{
	size_t i = replay->nr++;

	for (; i && replay->heap[(i - 1) / 2].due_ns > group.due_ns; i = (i - 1) / 2)
		replay->heap[i] = replay->heap[(i - 1) / 2];
	replay->heap[i] = group;
}

static struct group pop(struct replay *replay)
{
	struct group first = replay->heap[0], last = replay->heap[--replay->nr];
	size_t i = 0, child;

	for (; (child = 2 * i + 1) < replay->nr; i = child) {
		if (child + 1 < replay->nr &&
		    replay->heap[child + 1].due_ns < replay->heap[child].due_ns)
			child++;
		if (last.due_ns <= replay->heap[child].due_ns)
			break;
		replay->heap[i] = replay->heap[child];
	}
	replay->heap[i] = last;
	return first;
}

static void complain(bool *failed, int r)
{
	if (r < 0 && !*failed)
		log_error("replay: cannot run a program: %s", strerror(-r));
	*failed = r < 0;
}

static void run(struct replay *replay, const struct group *group, enum iopf_program program,
		uint64_t third, uint64_t fourth, uint64_t fifth)
{
	/* dev, pasid, grpid, then arguments of the tracepoint; a request has no device name. */
	uint64_t args[8] = {
		group->device + 1, 1 + group->device, group->grpid, third, fourth, fifth};

	complain(&replay->failed, iopf_source_run(replay->iopf, program, args));
}

/* Requests up to the given number; the last one of the group says so. */
static void request(struct replay *replay, struct group *group, uint32_t up_to)
{
	static const uint32_t perms[] = {
		PAIMON_IOPF_PERM_READ,
		PAIMON_IOPF_PERM_READ,
		PAIMON_IOPF_PERM_WRITE,
		PAIMON_IOPF_PERM_READ | PAIMON_IOPF_PERM_WRITE,
	};

	for (; group->sent < up_to; group->sent++)
		run(replay, group, IOPF_REQUEST, 0x7f0000000000 + group->sent * 4096ULL,
		    perms[(group->grpid + group->sent) % 4],
		    PAIMON_IOPF_PASID_VALID |
			    (group->sent + 1 == group->size ? PAIMON_IOPF_LAST : 0));
}

/* Half the groups have one request, few have hundreds. */
static uint32_t draw_size(struct replay *replay)
{
	double size = floor(pow(2, -1.6 * log2(1 - dice_uniform(&replay->dice))) / 1.5);

	return size < 1 ? 1 : size > 512 ? 512 : size;
}

static void open_group(struct replay *replay)
{
	struct group group = {
		.device = replay->opened % NR_DEVICES,
		.grpid = replay->opened / NR_DEVICES % NR_GROUPS,
		.size = draw_size(replay),
		.next = IOPF_HANDLE,
	};
	bool *in_flight = &replay->in_flight[group.device][group.grpid];
	double fate = dice_uniform(&replay->dice);

	replay->opened++;
	if (*in_flight)
		return;
	*in_flight = true;
	if (group.size > 1 && fate < 0.05) {
		/* Its last request comes later, or is lost in an overflow. */
		request(replay, &group, group.size - 1);
		group.next = fate < 0.002 ? IOPF_DISCARD : IOPF_REQUEST;
		group.due_ns = clock_ns(CLOCK_MONOTONIC) + dice_latency(&replay->dice, 2e6, 0.7);
	} else {
		request(replay, &group, group.size);
		group.due_ns = clock_ns(CLOCK_MONOTONIC) + dice_latency(&replay->dice, 8e3, 0.8);
	}
	push(replay, group);
}

/* Fires the event that is due, and schedules the next one of the group. */
static void step(struct replay *replay)
{
	struct group group = pop(replay);
	double fate;

	switch (group.next) {
	case IOPF_REQUEST:
		request(replay, &group, group.size);
		group.next = IOPF_HANDLE;
		group.due_ns = clock_ns(CLOCK_MONOTONIC) + dice_latency(&replay->dice, 8e3, 0.8);
		break;
	case IOPF_HANDLE:
		run(replay, &group, IOPF_HANDLE, group.size, 0, 0);
		group.next = IOPF_RESPONSE;
		/* One in twenty waits for a disk. */
		group.due_ns =
			clock_ns(CLOCK_MONOTONIC) +
			(dice_uniform(&replay->dice) < 0.05
				 ? dice_latency(&replay->dice, 1.5e6, 0.6)
				 : dice_latency(&replay->dice, 25e3 + 400. * group.size, 0.6));
		break;
	case IOPF_RESPONSE:
		fate = dice_uniform(&replay->dice);
		run(replay, &group, IOPF_RESPONSE,
		    fate < 0.0005 ? PAIMON_IOPF_FAILURE
		    : fate < 0.02 ? PAIMON_IOPF_INVALID
				  : PAIMON_IOPF_SUCCESS,
		    0, 0);
		replay->in_flight[group.device][group.grpid] = false;
		return;
	default:
		run(replay, &group, IOPF_DISCARD, group.sent, PAIMON_IOPF_OVERFLOW, 0);
		replay->in_flight[group.device][group.grpid] = false;
		return;
	}
	push(replay, group);
}

/* Simulates a context switch, after some functions typical of the process. */
static void play_sample(struct replay *replay)
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
	size_t i = replay->samples % (sizeof(processes) / sizeof(*processes));
	struct pai_made_up sample = {.tgid = 4000 + 17 * i, .start_ns = 1 + i};

	strcpy(sample.path, processes[i].path);
	strcpy(sample.comm, processes[i].comm);
	for (size_t j = 0; j < 5; j++) {
		uint64_t calls = dice_latency(&replay->dice, processes[i].median, 0.6);

		if (calls)
			sample.records[sample.nr++] =
				(struct paimon_pai_record){processes[i].numbers[j], calls};
	}
	if (sample.nr)
		complain(&replay->sample_failed,
			 pai_source_play(replay->pai, &sample,
					 replay->cpus[replay->samples % replay->nr_cpus]));
	replay->samples++;
}

static int on_tick(sd_event_source *timer, uint64_t usec, void *data)
{
	struct replay *replay = data;
	uint64_t now = clock_ns(CLOCK_MONOTONIC);

	if (now > replay->next_open_ns + MAX_BEHIND_NS)
		replay->next_open_ns = now;
	while (replay->next_open_ns <= now && replay->nr < MAX_EVENTS) {
		open_group(replay);
		replay->next_open_ns += replay->interval_ns;
	}
	if (now >= replay->next_sample_ns) {
		replay->next_sample_ns = now + SAMPLE_NS;
		play_sample(replay);
	}
	while (replay->nr && replay->heap[0].due_ns < clock_ns(CLOCK_MONOTONIC) + SPIN_NS) {
		while (replay->heap[0].due_ns > clock_ns(CLOCK_MONOTONIC))
			;
		step(replay);
	}
	return sd_event_source_set_time_relative(timer, TICK_USEC);
}

int replay_new(struct source *iopf, struct source *pai, sd_event *event, double rate,
	       struct replay **ret_replay)
{
	struct replay *replay = calloc(1, sizeof(*replay));
	int r;

	if (!replay)
		return -ENOMEM;
	replay->iopf = iopf;
	replay->pai = pai;
	replay->dice = (struct dice){SEED};
	replay->interval_ns = 1e9 / rate;
	replay->next_open_ns = clock_ns(CLOCK_MONOTONIC);
	r = cpulist_read("/sys/devices/system/cpu/online", 8191, &replay->cpus, &replay->nr_cpus);
	if (r >= 0)
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
	free(replay->cpus);
	free(replay);
	return NULL;
}
