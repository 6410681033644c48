// SPDX-License-Identifier: GPL-2.0
/*
 * Converts the maps of the IOPF source to points of a snapshot. Reads mmapped memory,
 * without a system call per series. Called on the daemon's one thread.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../model/histogram.h"
#include "../../util/cleanup.h"
#include "../../util/clock.h"
#include "../../util/utf8.h"
#include "../places.h"
#include "../source.h"
#include "iopf_source.h"

#define LOOK_NS 60000000000ULL /* how often is looked what a device is */

/* What a scan of the groups in flight of one device found. */
struct in_flight {
	uint64_t groups;
	uint64_t partial_requests;
};

/* Runs the program that frees an expired group; false if the group has not expired. */
bool iopf_expire(struct iopf *iopf, uint32_t device, uint64_t key)
{
	uint64_t args[2] = {device, key};
	LIBBPF_OPTS(bpf_test_run_opts, options, .ctx_in = args, .ctx_size_in = sizeof(args));

	return !bpf_prog_test_run_opts(bpf_program__fd(iopf->bpf->progs.iopf_expire), &options) &&
	       options.retval == 1;
}

/* Adds a slot to *in_flight, or frees it if its group has expired. */
static void visit_slot(struct iopf *iopf, uint32_t device, const struct iopf_slot *slot,
		       uint64_t now, struct in_flight *in_flight)
{
	const volatile struct iopf_slot *live = slot;
	uint64_t key = live->key, first = live->first_ns;
	uint64_t timeout = iopf->state->group_timeout_ns;
	bool open = !live->closed;

	if (!key || !first)
		return;
	if (((open && live->epoch != iopf->devices[device].epoch) ||
	     (timeout && now > first && now - first > timeout)) &&
	    iopf_expire(iopf, device, key))
		return;
	in_flight->groups++;
	if (open)
		in_flight->partial_requests += live->nr;
}

static void visit_spilled(struct iopf *iopf, uint32_t nr, uint64_t now, struct in_flight *in_flight)
{
	int fd = bpf_map__fd(iopf->bpf->maps.iopf_spilled);
	struct iopf_group_id key, next;
	struct iopf_slot slot;
	int r = bpf_map_get_next_key(fd, NULL, &next);

	for (uint32_t i = 0; !r && i < IOPF_MAX_SPILLED; i++) {
		key = next;
		/* Get the next key first: the visit may delete this one. */
		r = bpf_map_get_next_key(fd, &key, &next);
		if (!bpf_map_lookup_elem(fd, &key, &slot) && key.device < nr)
			visit_slot(iopf, key.device, &slot, now, &in_flight[key.device]);
	}
}

/* The metrics of a device, and those of departed devices, which have no label device. */
struct metrics {
	struct metric requests, groups, stages[IOPF_STAGE_USER], size, discarded, lost;
};

static const struct metrics of_device = {
	.requests =
		{
			.name = "paimon_iopf_requests_total",
			.help = "Page requests accepted, by access.",
			.type = METRIC_COUNTER,
		},
	.groups =
		{
			.name = "paimon_iopf_groups_total",
			.help = "Groups of page requests answered, by response and handler.",
			.type = METRIC_COUNTER,
		},
	.stages[IOPF_STAGE_QUEUE] =
		{
			.name = "paimon_iopf_group_queue_seconds",
			.help = "Time from the last request of a group to its handling.",
			.type = METRIC_HISTOGRAM,
			.scheme = &histogram_latency,
		},
	.stages[IOPF_STAGE_SERVICE] =
		{
			.name = "paimon_iopf_group_service_seconds",
			.help = "Time from the handling of a group to its response.",
			.type = METRIC_HISTOGRAM,
			.scheme = &histogram_latency,
		},
	.stages[IOPF_STAGE_TOTAL] =
		{
			.name = "paimon_iopf_group_duration_seconds",
			.help = "Time from the first request of a group to its response.",
			.type = METRIC_HISTOGRAM,
			.scheme = &histogram_latency,
		},
	.size =
		{
			.name = "paimon_iopf_group_requests",
			.help = "Page requests in an answered group.",
			.type = METRIC_HISTOGRAM,
			.scheme = &histogram_size,
		},
	.discarded =
		{
			.name = "paimon_iopf_discarded_requests_total",
			.help = "Page requests dropped without a response, by reason.",
			.type = METRIC_COUNTER,
		},
	.lost =
		{
			.name = "paimon_iopf_groups_lost_total",
			.help = "Groups whose times are unknown, by reason.",
			.type = METRIC_COUNTER,
		},
};
static const struct metrics of_departed = {
	.requests =
		{
			.name = "paimon_iopf_departed_requests_total",
			.help = "Page requests of departed devices whose place is reused.",
			.type = METRIC_COUNTER,
		},
	.groups =
		{
			.name = "paimon_iopf_departed_groups_total",
			.help = "Answered groups of departed devices.",
			.type = METRIC_COUNTER,
		},
	.stages[IOPF_STAGE_QUEUE] =
		{
			.name = "paimon_iopf_departed_group_queue_seconds",
			.help = "Times from the last request to handling of departed devices.",
			.type = METRIC_HISTOGRAM,
			.scheme = &histogram_latency,
		},
	.stages[IOPF_STAGE_SERVICE] =
		{
			.name = "paimon_iopf_departed_group_service_seconds",
			.help = "Times from handling to response of departed devices.",
			.type = METRIC_HISTOGRAM,
			.scheme = &histogram_latency,
		},
	.stages[IOPF_STAGE_TOTAL] =
		{
			.name = "paimon_iopf_departed_group_duration_seconds",
			.help = "Times from the first request to response of departed devices.",
			.type = METRIC_HISTOGRAM,
			.scheme = &histogram_latency,
		},
	.size =
		{
			.name = "paimon_iopf_departed_group_requests",
			.help = "Page requests in an answered group of departed devices.",
			.type = METRIC_HISTOGRAM,
			.scheme = &histogram_size,
		},
	.discarded =
		{
			.name = "paimon_iopf_departed_discarded_requests_total",
			.help = "Page requests of departed devices dropped without a response.",
			.type = METRIC_COUNTER,
		},
	.lost =
		{
			.name = "paimon_iopf_departed_groups_lost_total",
			.help = "Groups of departed devices whose times are unknown.",
			.type = METRIC_COUNTER,
		},
};
static const struct metric metric_outstanding = {
	.name = "paimon_iopf_outstanding_groups",
	.help = "Groups of page requests without a response yet.",
	.type = METRIC_GAUGE,
};
static const struct metric metric_partial = {
	.name = "paimon_iopf_partial_requests",
	.help = "Page requests that wait for the last one of their group.",
	.type = METRIC_GAUGE,
};
static const struct metric metric_info = {
	.name = "paimon_iopf_device_info",
	.help = "PCI address, driver, vendor and model of a device; always 1.",
	.type = METRIC_INFO,
};
static const char *const access_names[8] = {
	"none", "read", "write", "read_write", "exec", "read_exec", "write_exec", "read_write_exec",
};
static const char *const response_names[4] = {"success", "invalid", "failure", "other"};
static const char *const handler_names[IOPF_NR_HANDLERS] = {"kernel", "user"};
static const char *const reason_names[5] = {"overflow", "removed", "nomem", "refused", "other"};
static const char *const lost_names[IOPF_NR_LOST] = {"timeout", "overlap", "unseen"};
static const char *const dropped_names[IOPF_NR_DROPPED] = {"iopf_devices", "iopf_groups"};

/* The labels that all points of some metrics have. */
struct labels {
	struct label label[2];
	unsigned int nr;
};

static struct labels labels_with(const struct labels *labels, const char *name, const char *value)
{
	struct labels with = *labels;

	with.label[with.nr++] = (struct label){name, value};
	return with;
}

/* Adds a counter per name: those of the mask `always` in any case, the others if they are not 0. */
static int add_counters(struct snapshot *snapshot, const struct metric *metric,
			const struct labels *labels, const char *label, const char *const *names,
			const __u64 *values, unsigned int nr, unsigned int always)
{
	for (unsigned int i = 0; i < nr; i++) {
		struct label all[3] = {labels->label[0], labels->label[1]};
		int r;

		if (!values[i] && !(always & 1u << i))
			continue;
		all[labels->nr] = (struct label){label, names[i]};
		r = snapshot_add_integer(snapshot, metric, all, labels->nr + 1, values[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_stage(struct snapshot *snapshot, const struct metrics *metrics,
		     const struct iopf_device *d, enum iopf_stage stage,
		     const struct labels *labels)
{
	/* Those of the total are one metric, with the label handler. */
	const struct metric *metric =
		&metrics->stages[stage < IOPF_STAGE_TOTAL ? stage : IOPF_STAGE_TOTAL];
	const struct iopf_histogram *h = &d->stages[stage];
	uint64_t cells[PAIMON_HIST_CELLS], count = 0;

	for (unsigned int i = 0; i <= PAIMON_HIST_BOUNDS; i++)
		count += cells[i] = h->cells[i];
	/* Absent instead of 0 if the kernel does not show when handling begins. */
	if (!count && stage < IOPF_STAGE_TOTAL)
		return 0;
	return snapshot_add_histogram(snapshot, metric, labels->label, labels->nr, cells,
				      h->sum_ns);
}

/* Adds what is told apart by handler. */
static int add_handler(struct snapshot *snapshot, const struct metrics *metrics,
		       const struct iopf_device *d, enum iopf_handler handler,
		       const struct labels *labels)
{
	struct labels with = labels_with(labels, "handler", handler_names[handler]);
	const __u64 *responses = d->responses[handler];
	int r;

	/* User space handles the faults of few devices. */
	if (handler != IOPF_BY_KERNEL &&
	    !(responses[0] || responses[1] || responses[2] || responses[3]))
		return 0;
	r = add_counters(snapshot, &metrics->groups, &with, "response", response_names, responses,
			 4, 7);
	return r ?: add_stage(snapshot, metrics, d, IOPF_STAGE_TOTAL + handler, &with);
}

/* Adds the counts of a device. labels: its label device, or none. */
static int add_counts(struct snapshot *snapshot, const struct metrics *metrics,
		      const struct iopf_device *d, const struct labels *labels)
{
	uint64_t sizes[IOPF_SIZE_CELLS];
	int r;

	for (unsigned int i = 0; i < IOPF_SIZE_CELLS; i++)
		sizes[i] = d->size_cells[i];
	r = add_counters(snapshot, &metrics->requests, labels, "access", access_names, d->requests,
			 8,
			 1u << PAIMON_IOPF_PERM_READ | 1u << PAIMON_IOPF_PERM_WRITE |
				 1u << (PAIMON_IOPF_PERM_READ | PAIMON_IOPF_PERM_WRITE));
	for (int i = 0; !r && i < IOPF_NR_HANDLERS; i++)
		r = add_handler(snapshot, metrics, d, i, labels);
	for (int i = 0; !r && i < IOPF_STAGE_TOTAL; i++)
		r = add_stage(snapshot, metrics, d, i, labels);
	if (!r)
		r = snapshot_add_histogram(snapshot, &metrics->size, labels->label, labels->nr,
					   sizes, d->size_sum);
	if (!r)
		r = add_counters(snapshot, &metrics->discarded, labels, "reason", reason_names,
				 d->discarded, 5, 15);
	if (!r)
		r = add_counters(snapshot, &metrics->lost, labels, "reason", lost_names, d->lost,
				 IOPF_NR_LOST, 7);
	return r;
}

/* What is known of the device of a place, looked up if it is another one or the last look is long
 * ago: a device can have another driver. 0 or -ENOMEM. */
static int look_at(struct iopf *iopf, uint32_t index, const char *name, uint64_t now)
{
	struct iopf_about *about = &iopf->about[index];
	uint32_t state = places_state(&iopf->devices[index].state);
	struct device_info info;
	int r;

	if (about->looked_ns && about->state == state && now - about->looked_ns < LOOK_NS)
		return 0;
	r = device_look(DEVICE_BUSES, name, &info);
	if (r < 0)
		return r;
	device_info_clear(&about->info);
	*about = (struct iopf_about){state, now, info};
	return 0;
}

/* Of a replay nothing is known. */
static int add_info(struct source *source, struct snapshot *snapshot, uint32_t index,
		    const char *raw, const struct label *device)
{
	struct iopf *iopf = source->data;
	const struct device_info *info = &iopf->about[index].info;
	int r = source->replay ? 0 : look_at(iopf, index, raw, snapshot->monotonic_ns);
	const struct label labels[] = {
		*device,
		{"pci_address", info->pci_address ?: ""},
		{"driver", info->driver ?: ""},
		{"vendor", info->vendor ?: ""},
		{"model", info->model ?: ""},
	};

	return r ?: snapshot_add_integer(snapshot, &metric_info, labels, 5, 1);
}

static int add_device(struct source *source, struct snapshot *snapshot, uint32_t index,
		      const struct iopf_device *d, const struct in_flight *in_flight)
{
	char raw[PAIMON_DEVICE_NAME_LEN], buffer[UTF8_NAME_LEN(sizeof(raw))];
	const struct config *config = source->config;
	struct labels labels = {.nr = 1};
	int r;

	snprintf(raw, sizeof(raw), "%.*s", (int)sizeof(raw) - 1, d->name);
	labels.label[0] = (struct label){"device", utf8_name(raw, buffer)};
	if (!iopf_serves(config->iopf_include, config->iopf_exclude, labels.label[0].value))
		return 0;
	r = add_counts(snapshot, &of_device, d, &labels);
	if (!r)
		r = snapshot_add_integer(snapshot, &metric_outstanding, labels.label, labels.nr,
					 in_flight->groups);
	if (!r)
		r = snapshot_add_integer(snapshot, &metric_partial, labels.label, labels.nr,
					 in_flight->partial_requests);
	return r ?: add_info(source, snapshot, index, raw, labels.label);
}

/* The counts in struct iopf_device, as an array of u64. */
#define COUNTS offsetof(struct iopf_device, requests)
#define NR_COUNTS ((sizeof(struct iopf_device) - COUNTS) / sizeof(uint64_t))

static uint64_t *counts_of(const struct iopf_device *d)
{
	return (uint64_t *)((char *)d + COUNTS);
}

/* Splits the counts of a place into those of its current device and those of departed ones. */
static void split(const struct iopf *iopf, uint32_t index, struct iopf_device *ret_own,
		  struct iopf_device *add_departed)
{
	const struct iopf_device *d = &iopf->devices[index];
	const volatile uint64_t *counts = counts_of(d);
	const uint64_t *before = counts_of(&iopf->departed[index]);
	uint64_t *own = counts_of(ret_own), *departed = counts_of(add_departed);
	bool closing = place_phase(places_state(&d->state)) == PLACE_CLOSING;

	memcpy(ret_own, d, COUNTS);
	for (size_t i = 0; i < NR_COUNTS; i++) {
		uint64_t all = counts[i], gone = closing ? all : before[i];

		own[i] = all - gone;
		departed[i] += gone;
	}
}

/* All places that are or were in use have an index below this one. */
static uint32_t nr_places(const struct iopf *iopf)
{
	uint32_t nr = iopf->max_devices;

	while (nr && !places_state(&iopf->devices[nr - 1].state))
		nr--;
	return nr;
}

/* Since when have the counts of devices been counted? 0: once one has departed, the place of
 * another device does not tell when that one came, or came back. */
static uint64_t devices_since(const struct iopf *iopf, uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++)
		if (place_state(places_state(&iopf->devices[i].state), 0))
			return 0;
	return iopf->made_ns;
}

int iopf_read(struct source *source, struct snapshot *snapshot)
{
	struct iopf *iopf = source->data;
	uint32_t nr = nr_places(iopf);
	_cleanup_free_ struct in_flight *in_flight = calloc(nr + 1, sizeof(*in_flight));
	_cleanup_free_ struct iopf_device *departed = calloc(2, sizeof(*departed));
	uint64_t now = clock_ns(CLOCK_MONOTONIC);
	int r = 0;

	if (!in_flight || !departed)
		return -ENOMEM;
	for (uint32_t i = 0; i < nr * IOPF_SLOTS; i++)
		visit_slot(iopf, i / IOPF_SLOTS, &iopf->slots[i], now, &in_flight[i / IOPF_SLOTS]);
	if (iopf->state->spilled)
		visit_spilled(iopf, nr, now, in_flight);
	snapshot->since_ns = devices_since(iopf, nr);
	for (uint32_t i = 0; i < nr && !r; i++) {
		enum place_phase phase = place_phase(places_state(&iopf->devices[i].state));
		struct iopf_device *own = &departed[1];

		split(iopf, i, own, departed);
		if (phase == PLACE_OPEN)
			r = add_device(source, snapshot, i, own, &in_flight[i]);
	}
	snapshot->since_ns = iopf->made_ns;
	if (nr && !r)
		r = add_counts(snapshot, &of_departed, departed, &(struct labels){});
	for (int i = 0; i < IOPF_NR_DROPPED && !r; i++) {
		struct label label = {"reason", dropped_names[i]};

		r = snapshot_add_integer(snapshot, &metric_dropped, &label, 1,
					 iopf->state->dropped[i]);
	}
	snapshot->since_ns = 0;
	return r;
}

uint64_t iopf_events(const struct iopf *iopf)
{
	uint64_t events = 0;

	for (uint32_t i = 0; i < iopf->max_devices; i++) {
		const struct iopf_device *d = &iopf->devices[i];

		for (int j = 0; j < 8; j++)
			events += d->requests[j];
		for (int j = 0; j < IOPF_NR_HANDLERS; j++)
			for (int k = 0; k < 4; k++)
				events += d->responses[j][k];
		for (int j = 0; j <= PAIMON_HIST_BOUNDS; j++)
			events += d->stages[IOPF_STAGE_QUEUE].cells[j];
	}
	return events;
}
