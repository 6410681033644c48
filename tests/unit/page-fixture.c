// SPDX-License-Identifier: GPL-2.0
#include "page-fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <paimon/histogram.h>

#include "model/histogram.h"

#define START_NS 1000000000000ULL /* CLOCK_MONOTONIC */

#define METRIC(id, what, kind, whom) \
	static const struct metric id = {.name = what, .help = "-", .type = kind, .scope = whom}
#define COUNTER(id, what) METRIC(id, what, METRIC_COUNTER, SCOPE_PUBLIC)
#define GAUGE(id, what) METRIC(id, what, METRIC_GAUGE, SCOPE_PUBLIC)

COUNTER(requests, "paimon_iopf_requests_total");
COUNTER(groups, "paimon_iopf_groups_total");
COUNTER(discarded, "paimon_iopf_discarded_requests_total");
COUNTER(lost, "paimon_iopf_groups_lost_total");
GAUGE(outstanding, "paimon_iopf_outstanding_groups");
GAUGE(partial, "paimon_iopf_partial_requests");
static const struct metric duration = {.name = "paimon_iopf_group_duration_seconds",
				       .help = "-",
				       .type = METRIC_HISTOGRAM,
				       .scheme = &histogram_latency};
COUNTER(nnpa, "paimon_nnpa_events_total");
COUNTER(nnpa_cgroup, "paimon_nnpa_cgroup_events_total");
METRIC(nnpa_task, "paimon_nnpa_task_events_total", METRIC_COUNTER, SCOPE_OPERATORS);
COUNTER(value, "paimon_event_value_total");
COUNTER(enabled, "paimon_event_enabled_seconds_total");
COUNTER(running, "paimon_event_running_seconds_total");
COUNTER(event_cgroup, "paimon_event_cgroup_value_total");
METRIC(event_process, "paimon_event_process_value_total", METRIC_COUNTER, SCOPE_OPERATORS);
GAUGE(event_up, "paimon_event_up");
GAUGE(event_info, "paimon_event_info");
GAUGE(event_level, "paimon_event_level");
COUNTER(pmu_events, "paimon_cspmu_events_total");
GAUGE(pmu_info, "paimon_cspmu_info");
COUNTER(dropped, "paimon_series_dropped_total");

static void add(struct snapshot *snapshot, const struct metric *metric, double number,
		const char *name1, const char *value1, const char *name2, const char *value2,
		const char *name3, const char *value3)
{
	const struct label labels[] = {{name1, value1}, {name2, value2}, {name3, value3}};
	size_t nr = !!name1 + !!name2 + !!name3;

	if (snapshot_add_integer(snapshot, metric, labels, nr, (uint64_t)number) < 0)
		abort();
}

#define ADD1(m, x, a, b) add(snapshot, &(m), x, a, b, NULL, NULL, NULL, NULL)
#define ADD2(m, x, a, b, c, d) add(snapshot, &(m), x, a, b, c, d, NULL, NULL)
#define ADD3(m, x, a, b, c, d, e, f) add(snapshot, &(m), x, a, b, c, d, e, f)

static const char *const devices[] = {"0000:41:00.0", "<script>alert(1)</script>",
				      "bad\xff\xc0\x01 & \"quoted\" 'x'", "\u202egnp.reversed"};

/* What a rate has made by now: it goes up and down, and so does the time of a group. */
static double sum_of(double rate, double seconds)
{
	return rate * (seconds + 12 * (1 - cos(seconds / 25)));
}

static void add_faults(struct snapshot *snapshot, enum page_machine machine, double seconds)
{
	bool busy = machine == MACHINE_BUSY;

	for (size_t d = 0; d < sizeof(devices) / sizeof(*devices); d++) {
		struct label label = {"device", devices[d]};
		double rate = busy ? 900.0 / (d + 1) : 0;
		uint64_t cells[PAIMON_HIST_CELLS] = {};

		ADD2(requests, sum_of(rate * 8, seconds), "device", devices[d], "access", "read");
		ADD2(requests, sum_of(rate * 2, seconds), "device", devices[d], "access", "write");
		ADD2(groups, sum_of(rate, seconds), "device", devices[d], "response", "success");
		ADD2(groups, sum_of(rate / 90, seconds), "device", devices[d], "response",
		     "invalid");
		ADD2(discarded, sum_of(rate / 200, seconds), "device", devices[d], "reason",
		     "overflow");
		ADD2(lost, 0, "device", devices[d], "reason", "timeout");
		ADD1(outstanding, busy ? 7 - d : 0, "device", devices[d]);
		ADD1(partial, 0, "device", devices[d]);
		for (uint32_t c = 0; c <= histogram_latency.nr_bounds; c++) {
			double x = (c - 112.0) / 16, slow = (c - 165.0) / 4;

			cells[c] = (uint64_t)(sum_of(rate, seconds) / 40 * exp(-x * x) +
					      sum_of(rate, seconds) / 4000 * exp(-slow * slow));
		}
		if (snapshot_add_histogram(snapshot, &duration, &label, 1, cells, 0) < 0)
			abort();
	}
}

static void add_nnpa(struct snapshot *snapshot, enum page_machine machine, double seconds)
{
	static const char *const counters[] = {
		"NNPA_ADD",  "NNPA_SUB",     "NNPA_MUL",       "NNPA_MATMUL_OP", "NNPA_CONVOLUTION",
		"NNPA_RELU", "NNPA_SOFTMAX", "NNPA_BATCHNORM", "NNPA_MAXPOOL2D", "NNPA_LSTMACT"};
	static const char *const cgroups[] = {
		"/system.slice/inference.service",
		"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod0f3c2a1e_77b0_4c58_9d0a_1f4a5a3f6b11.slice/cri-containerd-3f2a5c8d9e.scope",
		"/<img src=x onerror=alert(1)>", "/</table><script>alert(2)</script>", "other"};
	double rate = machine == MACHINE_BUSY ? 2400 : 0;

	for (size_t i = 0; i < 10; i++)
		ADD1(nnpa, sum_of(rate / (i + 1), seconds), "counter", counters[i]);
	for (size_t i = 0; rate && i < 5; i++)
		ADD2(nnpa_cgroup, sum_of(rate / (i + 2), seconds), "cgroup", cgroups[i], "counter",
		     "NNPA_ADD");
	for (int i = 0; rate && i < 20; i++) {
		char name[32];

		snprintf(name, sizeof(name), "/batch.slice/job-%d", i);
		ADD2(nnpa_cgroup, sum_of(rate / (i + 20), seconds), "cgroup", name, "counter",
		     "NNPA_MUL");
	}
	ADD3(nnpa_task, 5, "pid", "1", "comm", PAGE_PROCESS, "counter", "NNPA_ADD");
}

static void add_event(struct snapshot *snapshot, const char *name, double rate, const char *unit,
		      const char *scale, double ratio, double seconds)
{
	ADD1(event_up, 1, "name", name);
	ADD3(event_info, 1, "name", name, "unit", unit, "scale", scale);
	ADD1(value, sum_of(rate, seconds), "name", name);
	ADD1(enabled, 1000 + seconds, "name", name);
	ADD1(running, (1000 + seconds) * ratio, "name", name);
}

static void add_events(struct snapshot *snapshot, double seconds)
{
	static const char *const cgroups[] = {
		"/system.slice/postgresql.service", "/user.slice", "/<b>bold",
		"/system.slice/nginx.service",	    "/init.scope", "/machine.slice/vm1.scope"};

	add_event(snapshot, "cycles", 4.1e9, "", "", 1, seconds);
	add_event(snapshot, "page-faults", 1850, "", "", 1, seconds);
	add_event(snapshot, "energy-pkg", 72 / 2.3283064365386962890625e-10, "Joules",
		  "2.3283064365386962890625e-10", 1, seconds);
	add_event(snapshot, "llc-misses", 3.2e6, "", "", 0.75, seconds);
	add_event(snapshot, "<i>event</i>", 12, "<u>", "1", 1, seconds);
	ADD1(event_up, 0, "name", "lost-pmu");
	ADD1(event_up, 1, "name", "temperature");
	ADD3(event_info, 1, "name", "temperature", "unit", "°C", "scale", "");
	ADD2(event_level, 41, "name", "temperature", "cpu", "0");
	ADD2(event_level, 47, "name", "temperature", "cpu", "1");
	for (size_t i = 0; i < 6; i++) {
		ADD2(event_cgroup, sum_of(2.0e9 / (i + 1), seconds), "name", "cycles", "cgroup",
		     cgroups[i]);
		ADD2(event_cgroup, sum_of(700.0 / (i + 1), seconds), "name", "page-faults",
		     "cgroup", cgroups[5 - i]);
	}
	ADD3(event_process, 5, "name", "cycles", "pid", "1", "comm", PAGE_PROCESS);
}

/* Of the set nvidia-scf, and one that no set knows. */
static void add_pmus(struct snapshot *snapshot, int nr_sockets, double seconds)
{
	static const struct {
		const char *name;
		double rate;
	} events[] = {{"cycles", 3.2e9},
		      {"cmem_rd_data", 1.1e9},
		      {"cmem_wr_total_bytes", 9.0e9},
		      {"remote_socket_rd_data", 4.0e7},
		      {"remote_socket_wr_total_bytes", 3.0e8},
		      {"cmem_rd_outstanding", 2.1e11},
		      {"cmem_rd_access", 5.0e8}};

	for (int socket = 0; socket < nr_sockets; socket++) {
		char name[32], number[12];

		snprintf(name, sizeof(name), "nvidia_scf_pmu_%d", socket);
		snprintf(number, sizeof(number), "%d", socket);
		ADD3(pmu_info, 1, "pmu", name, "identifier", "0x2cf0036b", "implementer", "0x36b");
		for (size_t i = 0; i < sizeof(events) / sizeof(*events); i++)
			ADD3(pmu_events, sum_of(events[i].rate / (socket + 1), seconds), "pmu",
			     name, "event", events[i].name, "socket", number);
	}
	ADD1(pmu_info, 1, "pmu", "<em>pmu</em>");
	ADD2(pmu_events, sum_of(5000, seconds), "pmu", "<em>pmu</em>", "event", "txn");
}

struct snapshot *page_snapshot(enum page_machine machine, const char *input, double seconds)
{
	struct snapshot *snapshot = snapshot_new(input);

	if (!snapshot)
		abort();
	snapshot->realtime_ns = 1800000000000000000ULL + (uint64_t)(seconds * 1e9);
	snapshot->monotonic_ns = START_NS + (uint64_t)(seconds * 1e9);
	if (machine == MACHINE_UNABLE)
		return snapshot;
	add_faults(snapshot, machine, seconds);
	add_nnpa(snapshot, machine, seconds);
	if (machine == MACHINE_BUSY || machine == MACHINE_LARGE) {
		add_events(snapshot, seconds);
		add_pmus(snapshot, machine == MACHINE_LARGE ? 8 : 2, seconds);
	}
	ADD1(dropped, 0, "reason", "iopf_devices");
	return snapshot;
}

void page_status(enum page_machine machine, const char *input, struct status *ret_status)
{
	static const char problem[] = "event <lost>: no PMU <lost> in /sys";
	static const char *const names[] = {"iopf", "events", "pai", "cspmu"},
				 *const backends[] = {"fentry", "perf", "perf", "perf"},
				 *const reasons[] = {
					 "this kernel has no <b>I/O page fault</b> handler: "
					 "load paimon.ko",
					 "cannot open perf events: Permission denied",
					 "this machine has no PMU pai_ext", NULL};
	struct status status = {
		.version = "9.8",
		.uptime_seconds = 1000,
		.input = input,
		.nr_sources = 4,
		.cost =
			{
				.events_per_second = 20000,
				.ns_per_event = machine == MACHINE_BUSY ? 412 : NAN,
				.bpf_cpu_percent = machine == MACHINE_BUSY ? 0.83 : NAN,
				.daemon_cpu_percent = 0.12,
				.run_times = machine == MACHINE_BUSY,
				.map_bytes = 4690864,
				.resident_bytes = 8123456,
				.descriptors = 63,
				.descriptors_max = 20000,
			},
	};

	for (size_t i = 0; i < 4; i++) {
		status.sources[i] = (struct status_source){
			.name = names[i],
			.state = machine != MACHINE_UNABLE ? "up"
				 : reasons[i]		   ? "failed"
							   : "off",
			.backend = machine == MACHINE_UNABLE ? NULL : backends[i],
			.reason = machine == MACHINE_UNABLE ? reasons[i] : NULL,
			.attached_ns = 1799990000000000000ULL,
		};
		if (machine == MACHINE_BUSY && i == 1)
			buffer_add(&status.sources[i].problems, problem, sizeof(problem));
	}
	*ret_status = status;
}
