// SPDX-License-Identifier: GPL-2.0
/*
 * The synthetic page requests of a replay, on three devices. Times are real: a group that is
 * answered after a millisecond was in flight for a millisecond.
 *
 * Called by replay/ on the daemon's one thread.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "../../util/clock.h"
#include "../replay/dice.h"
#include "../source.h"
#include "iopf_source.h"

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
