// SPDX-License-Identifier: GPL-2.0
/*
 * What the maps of the IOPF source say, as points of a snapshot. Reads mapped
 * memory: no system call for each series. Called on the daemon's one thread.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../model/histogram.h"
#include "../util/clock.h"
#include "../util/utf8.h"
#include "iopf_source.h"
#include "source.h"

/* What a scan of the groups in flight of one device found. */
struct in_flight {
	uint64_t groups;
	uint64_t partial_requests;
};

/* Counts a slot, or has it freed by the program that knows how. */
static void visit_slot(struct iopf *iopf, uint32_t device, const struct iopf_slot *slot,
		       uint64_t now, struct in_flight *in_flight)
{
	const volatile struct iopf_slot *live = slot;
	uint64_t key = live->key, first = live->first_ns;
	uint64_t timeout = iopf->state->group_timeout_ns;
	bool open = !live->closed;

	if (!key || !first)
		return;
	if ((open && live->epoch != iopf->devices[device].epoch) ||
	    (timeout && now > first && now - first > timeout)) {
		uint64_t args[2] = {device, key};
		LIBBPF_OPTS(bpf_test_run_opts, options, .ctx_in = args,
			    .ctx_size_in = sizeof(args));

		if (!bpf_prog_test_run_opts(bpf_program__fd(iopf->bpf->progs.iopf_expire),
					    &options) &&
		    options.retval == 1)
			return;
	}
	in_flight->groups++;
	if (open)
		in_flight->partial_requests += live->nr;
}

static void visit_spilled(struct iopf *iopf, uint64_t now, struct in_flight *in_flight)
{
	int fd = bpf_map__fd(iopf->bpf->maps.iopf_spilled);
	struct iopf_group_id key, next;
	struct iopf_slot slot;
	int r = bpf_map_get_next_key(fd, NULL, &next);

	for (uint32_t i = 0; !r && i < IOPF_MAX_SPILLED; i++) {
		key = next;
		/* The next key first: this one may be gone after the visit. */
		r = bpf_map_get_next_key(fd, &key, &next);
		if (!bpf_map_lookup_elem(fd, &key, &slot) && key.device < iopf->max_devices)
			visit_slot(iopf, key.device, &slot, now, &in_flight[key.device]);
	}
}

static const struct metric metric_requests = {
	.name = "paimon_iopf_requests_total",
	.help = "Page requests accepted, by what the device wanted to do.",
	.type = METRIC_COUNTER,
};
static const struct metric metric_groups = {
	.name = "paimon_iopf_groups_total",
	.help = "Groups of page requests answered, by response.",
	.type = METRIC_COUNTER,
};
static const struct metric metric_stages[IOPF_NR_STAGES] = {
	[IOPF_STAGE_QUEUE] =
		{
			.name = "paimon_iopf_group_queue_seconds",
			.help = "Time from the last request of a group to its handling.",
			.type = METRIC_HISTOGRAM,
			.scheme = &histogram_latency,
		},
	[IOPF_STAGE_SERVICE] =
		{
			.name = "paimon_iopf_group_service_seconds",
			.help = "Time from the handling of a group to its response.",
			.type = METRIC_HISTOGRAM,
			.scheme = &histogram_latency,
		},
	[IOPF_STAGE_TOTAL] =
		{
			.name = "paimon_iopf_group_duration_seconds",
			.help = "Time from the first request of a group to its response.",
			.type = METRIC_HISTOGRAM,
			.scheme = &histogram_latency,
		},
};
static const struct metric metric_size = {
	.name = "paimon_iopf_group_requests",
	.help = "Page requests in an answered group.",
	.type = METRIC_HISTOGRAM,
	.scheme = &histogram_size,
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
static const struct metric metric_discarded = {
	.name = "paimon_iopf_discarded_requests_total",
	.help = "Page requests dropped without a response, by reason.",
	.type = METRIC_COUNTER,
};
static const struct metric metric_lost = {
	.name = "paimon_iopf_groups_lost_total",
	.help = "Groups whose times are not known, by reason.",
	.type = METRIC_COUNTER,
};
static const char *const access_names[8] = {
	"none", "read", "write", "read_write", "exec", "read_exec", "write_exec", "read_write_exec",
};
static const char *const response_names[4] = {"success", "invalid", "failure", "other"};
static const char *const reason_names[5] = {"overflow", "removed", "nomem", "refused", "other"};
static const char *const lost_names[IOPF_NR_LOST] = {"timeout", "overlap", "unseen"};
static const char *const dropped_names[IOPF_NR_DROPPED] = {"iopf_devices", "iopf_groups"};

/* One counter for each name; those outside always only once they count. */
static int add_counters(struct snapshot *snapshot, const struct metric *metric, const char *device,
			const char *label, const char *const *names, const __u64 *values,
			unsigned int nr, unsigned int always)
{
	for (unsigned int i = 0; i < nr; i++) {
		struct label labels[] = {{"device", device}, {label, names[i]}};
		int r;

		if (!values[i] && !(always & 1u << i))
			continue;
		r = snapshot_add_integer(snapshot, metric, labels, 2, values[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_stage(struct snapshot *snapshot, const struct iopf_device *d, enum iopf_stage stage,
		     const struct label *label)
{
	const struct iopf_histogram *h = &d->stages[stage];
	uint64_t cells[PAIMON_HIST_CELLS], count = 0;

	for (unsigned int i = 0; i <= PAIMON_HIST_BOUNDS; i++)
		count += cells[i] = h->cells[i];
	/* Absent, not zero, where the kernel does not tell when handling begins. */
	if (!count && stage != IOPF_STAGE_TOTAL)
		return 0;
	return snapshot_add_histogram(snapshot, &metric_stages[stage], label, 1, cells, h->sum_ns);
}

static int add_device(struct snapshot *snapshot, const struct config *config,
		      const struct iopf_device *d, const struct in_flight *in_flight)
{
	char raw[PAIMON_DEVICE_NAME_LEN], buffer[UTF8_NAME_LEN(sizeof(raw))];
	const char *name;
	struct label label = {"device", NULL};
	uint64_t sizes[IOPF_SIZE_CELLS];
	int r;

	snprintf(raw, sizeof(raw), "%.*s", (int)sizeof(raw) - 1, d->name);
	label.value = name = utf8_name(raw, buffer);
	if (!config_serves(config->iopf_include, config->iopf_exclude, name))
		return 0;
	for (unsigned int i = 0; i < IOPF_SIZE_CELLS; i++)
		sizes[i] = d->size_cells[i];
	r = add_counters(snapshot, &metric_requests, name, "access", access_names, d->requests, 8,
			 1u << PAIMON_IOPF_PERM_READ | 1u << PAIMON_IOPF_PERM_WRITE |
				 1u << (PAIMON_IOPF_PERM_READ | PAIMON_IOPF_PERM_WRITE));
	r = r
		    ?: add_counters(snapshot, &metric_groups, name, "response", response_names,
				    d->responses, 4, 7);
	for (int i = 0; !r && i < IOPF_NR_STAGES; i++)
		r = add_stage(snapshot, d, i, &label);
	r = r ?: snapshot_add_histogram(snapshot, &metric_size, &label, 1, sizes, d->size_sum);
	r = r ?: snapshot_add_integer(snapshot, &metric_outstanding, &label, 1, in_flight->groups);
	r = r
		    ?: snapshot_add_integer(snapshot, &metric_partial, &label, 1,
					    in_flight->partial_requests);
	r = r
		    ?: add_counters(snapshot, &metric_discarded, name, "reason", reason_names,
				    d->discarded, 5, 15);
	r = r
		    ?: add_counters(snapshot, &metric_lost, name, "reason", lost_names, d->lost,
				    IOPF_NR_LOST, 7);
	return r;
}

/* Addresses of devices that are long gone make room when the table fills up. */
static void purge_index(struct iopf *iopf, uint64_t now)
{
	int fd = bpf_map__fd(iopf->bpf->maps.iopf_index);
	uint64_t idle = 2 * (iopf->state->group_timeout_ns ?: 3600ULL * 1000000000);
	uint32_t max = bpf_map__max_entries(iopf->bpf->maps.iopf_index);
	__u64 *addresses = calloc(max, sizeof(*addresses)), *key = NULL;
	struct iopf_known known;
	uint32_t nr = 0;

	if (!addresses)
		return;
	while (nr < max && !bpf_map_get_next_key(fd, key, &addresses[nr]))
		key = &addresses[nr++];
	for (uint32_t i = 0; nr > max / 2 && i < nr; i++)
		if (!bpf_map_lookup_elem(fd, &addresses[i], &known) && now > known.seen_ns &&
		    now - known.seen_ns > idle)
			bpf_map_delete_elem(fd, &addresses[i]);
	free(addresses);
}

int iopf_read(struct source *source, struct snapshot *snapshot)
{
	struct iopf *iopf = source->data;
	uint32_t nr = iopf->state->devices;
	struct in_flight *in_flight;
	uint64_t now = clock_ns(CLOCK_MONOTONIC);
	int r = 0;

	if (nr > iopf->max_devices)
		nr = iopf->max_devices;
	in_flight = calloc(iopf->max_devices, sizeof(*in_flight));
	if (!in_flight)
		return -ENOMEM;
	for (uint32_t i = 0; i < nr * IOPF_SLOTS; i++)
		visit_slot(iopf, i / IOPF_SLOTS, &iopf->slots[i], now, &in_flight[i / IOPF_SLOTS]);
	if (iopf->state->spilled)
		visit_spilled(iopf, now, in_flight);
	for (uint32_t i = 0; i < nr && !r; i++)
		if (iopf->devices[i].name[0])
			r = add_device(snapshot, source->config, &iopf->devices[i], &in_flight[i]);
	for (int i = 0; i < IOPF_NR_DROPPED && !r; i++) {
		struct label label = {"reason", dropped_names[i]};

		r = snapshot_add_integer(snapshot, &metric_dropped, &label, 1,
					 iopf->state->dropped[i]);
	}
	if (!source->replay)
		purge_index(iopf, now);
	free(in_flight);
	return r;
}

uint64_t iopf_events(const struct iopf *iopf)
{
	uint64_t events = 0;

	for (uint32_t i = 0; i < iopf->max_devices && i < iopf->state->devices; i++) {
		const struct iopf_device *d = &iopf->devices[i];

		for (int j = 0; j < 8; j++)
			events += d->requests[j];
		for (int j = 0; j < 4; j++)
			events += d->responses[j];
		for (int j = 0; j <= PAIMON_HIST_BOUNDS; j++)
			events += d->stages[IOPF_STAGE_QUEUE].cells[j];
	}
	return events;
}
