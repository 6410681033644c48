// SPDX-License-Identifier: GPL-2.0
/* The points of the PAI PMUs in a snapshot, except those by cgroup and process (cgroups.c). */
#include <errno.h>
#include <paimon/nnpa.h>
#include <stdio.h>

#include "../../model/snapshot.h"
#include "../../util/cleanup.h"
#include "../source.h"
#include "pai_source.h"

#define SUMMED "summed over CPUs unless there is a label cpu."

const struct metric pai_metric_nnpa[PAI_NR_KINDS] = {
	[PAI_FUNCTIONS] =
		{
			.name = "paimon_nnpa_events_total",
			.help = "NNPA functions executed, " SUMMED,
			.type = METRIC_COUNTER,
		},
	[PAI_CONDITIONS] =
		{
			.name = "paimon_nnpa_conditions_total",
			.help = "NNPA functions that met a condition, " SUMMED,
			.type = METRIC_COUNTER,
		},
};
const struct metric pai_metric_nnpa_cpu[PAI_NR_KINDS] = {
	[PAI_FUNCTIONS] =
		{
			.name = "paimon_nnpa_cpu_events_total",
			.help = "NNPA functions executed, by CPU.",
			.type = METRIC_COUNTER,
			.scope = SCOPE_LOCAL,
		},
	[PAI_CONDITIONS] =
		{
			.name = "paimon_nnpa_cpu_conditions_total",
			.help = "NNPA functions that met a condition, by CPU.",
			.type = METRIC_COUNTER,
			.scope = SCOPE_LOCAL,
		},
};
const struct metric pai_metric_crypto[] = {{
	.name = "paimon_pai_crypto_events_total",
	.help = "Cryptographic functions executed, " SUMMED,
	.type = METRIC_COUNTER,
}};
const struct metric pai_metric_crypto_cpu[] = {{
	.name = "paimon_pai_crypto_cpu_events_total",
	.help = "Cryptographic functions executed, by CPU.",
	.type = METRIC_COUNTER,
	.scope = SCOPE_LOCAL,
}};
static const struct metric metric_unsampled = {
	.name = "paimon_pai_unsampled_events",
	.help = "Events of pai_ext that are in no sample, yet or ever, summed over CPUs.",
	.type = METRIC_GAUGE,
};
static const struct metric metric_cpus = {
	.name = "paimon_pai_cpus",
	.help = "Online CPUs by how paimond uses the PMU there.",
	.type = METRIC_GAUGE,
};

enum pai_kind pai_kind(size_t pmu, uint32_t number)
{
	return pmu == PAI_EXT && number >= PAIMON_NNPA_CONDITIONS_FIRST &&
			       number <= PAIMON_NNPA_CONDITIONS_LAST
		       ? PAI_CONDITIONS
		       : PAI_FUNCTIONS;
}

const char *pai_nnpa_counter(const struct source *source, uint32_t number)
{
	static const char *const names[] = {PAIMON_NNPA_NAMES};
	const struct pai *pai = source->data;

	if (!source->replay)
		return pai_pmu_counter(&pai->pmus[PAI_EXT], number);
	return number <= PAIMON_NNPA_COUNTERS_1ST ? names[number] : "";
}

uint64_t pai_counted(const struct pai *pai, size_t i, uint32_t cpu, uint32_t number)
{
	const struct pai_pmu *pmu = &pai->pmus[i];
	uint64_t value = pmu->reader ? pai_pmu_total(pmu, cpu, number) : 0;

	if (i == PAI_EXT && pai->samples && number < PAI_COUNTERS)
		value += ((const volatile struct pai_cpu *)&pai->samples->cpus[cpu])
				 ->counters[number];
	return value;
}

/* The sum uses the same copy of the samples as the cgroups, not later ones. */
static int add_counter(struct source *source, struct snapshot *snapshot, size_t i, uint32_t nr_cpus,
		       uint32_t number, const char *name, const struct pai_look *look,
		       const struct accounts_look *accounts)
{
	const struct pai *pai = source->data;
	const struct pai_pmu *pmu = &pai->pmus[i];
	const struct metric *events = &pmu->events[pai_kind(i, number)];
	const struct metric *cpu_events = &pmu->cpu_events[pai_kind(i, number)];
	bool per_cpu = source->config->pai_per_cpu;
	char text[12];
	struct label labels[] = {{"counter", name}, {"cpu", text}};
	uint64_t sum = i == PAI_EXT && look && number < PAI_COUNTERS ? look->counted[number] : 0;
	int r = 0;

	for (uint32_t cpu = 0; cpu < nr_cpus && !r; cpu++) {
		uint64_t value = pai_counted(pai, i, cpu, number);

		sum += pmu->reader ? pai_pmu_total(pmu, cpu, number) : 0;
		snprintf(text, sizeof(text), "%u", cpu);
		if (value)
			r = snapshot_add_integer(snapshot, cpu_events, labels, 2, value);
		if (per_cpu)
			r = r ?: snapshot_add_integer(snapshot, events, labels, 2, value);
	}
	if (accounts && number < SWITCH_COLUMNS)
		sum = accounts->totals[number].value;
	return r || per_cpu ? r : snapshot_add_integer(snapshot, events, labels, 1, sum);
}

static int add_cpus(const struct pai_pmu *pmu, struct snapshot *snapshot)
{
	static const char *const modes[] = {"counting", "sampling", "busy", "failed"};
	struct label labels[] = {{"pmu", pmu->name}, {"mode", NULL}};
	uint64_t nr[4] = {};
	int r = 0;

	for (uint32_t cpu = 0; cpu < pmu->nr_cpus; cpu++) {
		const struct pai_pmu_cpu *c = &pmu->cpus[cpu];

		if (!c->online)
			continue;
		nr[0] += c->counts;
		nr[1] += c->samples;
		nr[2] += c->error == -EBUSY;
		nr[3] += c->error && c->error != -EBUSY;
	}
	for (size_t i = 0; i < 4 && !r; i++) {
		labels[1].value = modes[i];
		r = snapshot_add_integer(snapshot, &metric_cpus, labels, 2, nr[i]);
	}
	return r;
}

static int add_unsampled(const struct pai *pai, struct snapshot *snapshot)
{
	const struct pai_pmu *ext = &pai->pmus[PAI_EXT];
	uint64_t all = 0, sampled = 0;

	if (!ext->reader || ext->plan.samples != PAI_BY_PERF_EVENT)
		return 0;
	for (uint32_t cpu = 0; cpu < ext->nr_cpus; cpu++) {
		all += pai_pmu_total(ext, cpu, PAI_NUMBER_ALL);
		sampled += ((const volatile struct pai_cpu *)&pai->samples->cpus[cpu])->events;
	}
	return snapshot_add_integer(snapshot, &metric_unsampled, NULL, 0,
				    all > sampled ? all - sampled : 0);
}

int pai_read(struct source *source, struct snapshot *snapshot)
{
	const struct pai *pai = source->data;
	const struct pai_pmu *ext = &pai->pmus[PAI_EXT];
	_cleanup_(accounts_look_freep) struct accounts_look *accounts = NULL;
	_cleanup_free_ struct pai_look *look = NULL;
	int r = 0;

	pai_tend(source, false);
	if (ext->attribution) {
		accounts = accounts_look(ext->attribution);
		if (!accounts)
			return -ENOMEM;
	}
	if (pai->samples) {
		look = pai_samples_look(pai->samples);
		if (!look)
			return -ENOMEM;
	}
	if (source->replay)
		for (uint32_t number = 1; number <= PAIMON_NNPA_COUNTERS_1ST && !r; number++)
			r = add_counter(source, snapshot, PAI_EXT, pai->samples->nr_cpus, number,
					pai_nnpa_counter(source, number), look, NULL);
	for (size_t i = 0; i < PAI_NR_PMUS && !r; i++) {
		const struct pai_pmu *pmu = &pai->pmus[i];

		if (!pmu->reader)
			continue;
		for (uint32_t number = 1; number <= pmu->max_number && !r; number++)
			if (*pai_pmu_counter(pmu, number))
				r = add_counter(source, snapshot, i, pmu->nr_cpus, number,
						pai_pmu_counter(pmu, number), look,
						i == PAI_EXT ? accounts : NULL);
		r = r ?: add_cpus(pmu, snapshot);
	}
	r = r ?: add_unsampled(pai, snapshot);
	if (accounts)
		r = r ?: pai_accounts_read(ext, accounts, snapshot);
	return r || !pai->samples ? r : pai_samples_read(source, accounts ? NULL : look, snapshot);
}
