// SPDX-License-Identifier: GPL-2.0
/*
 * The source of the PAI PMUs of IBM z (invariants a): pai_ext, which counts NNPA
 * functions, and pai_crypto. Counting is exact, by counter and CPU; sampling attributes
 * counts to processes and cgroups.
 *
 * Called by the daemon, on its one thread.
 */
#include <assert.h>
#include <errno.h>
#include <paimon/nnpa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../util/cleanup.h"
#include "../../util/cpulist.h"
#include "../../util/log.h"
#include "../source.h"
#include "pai_source.h"

/* The PMUs, indexed by PAI_EXT and PAI_CRYPTO. */
static const struct pai_pmu pmus[] = {
	{.name = "pai_ext",
	 .pins = "nnpa",
	 .array = "nnpa-array",
	 .base = PAIMON_NNPA_BASE,
	 .events = pai_metric_nnpa,
	 .cpu_events = pai_metric_nnpa_cpu},
	{.name = "pai_crypto",
	 .pins = "crypto",
	 .array = "crypto-array",
	 .base = 0x1000,
	 .events = pai_metric_crypto,
	 .cpu_events = pai_metric_crypto_cpu},
};
static_assert(sizeof(pmus) / sizeof(*pmus) == PAI_NR_PMUS, "each has its index");

/* Refusals */

/* Indexed by enum pai_refusal. */
static const char *const refusals[] = {
	[PAI_HAS_NO_TRACEPOINT] =
		"this pai_ext is not that of paimon_pai.ko, and has no tracepoint (set backend = auto)",
	[PAI_MAY_PANIC] = "does not sample: a throttled event of this driver can panic the machine "
			  "(paimonctl check; accept_throttling_panic)",
};

static enum source_wanted pai_wanted(const struct config *config)
{
	return config->pai;
}

static int pai_probe(struct source *source)
{
	for (size_t i = 0; i < PAI_NR_PMUS && !source->replay; i++)
		if (!pai_pmu_look(&(struct pai_pmu){.name = pmus[i].name}))
			return 0;
	return source->replay
		       ? 0
		       : source_fail(
				 source, -ENODEV,
				 "this machine has no PMU pai_ext or pai_crypto (IBM z has them; for development: modprobe paimon_soft)");
}

/* Attach and detach */

static const char *backend(const struct source *source, const struct pai *pai)
{
	const struct pai_pmu *ext = &pai->pmus[PAI_EXT];
	const char *by = ext->plan.samples == PAI_BY_TRACEPOINT ? "tracepoint" : "perf_event";
	bool counts = false, samples = false;

	if (source->replay)
		return "replay";
	for (uint32_t cpu = 0; ext->reader && cpu < ext->nr_cpus; cpu++) {
		counts |= ext->cpus[cpu].counts;
		samples |= ext->cpus[cpu].samples;
	}
	if (samples && counts)
		return "counting and perf_event";
	if (samples || (ext->reader && !ext->plan.counts))
		return by;
	return ext->attribution ? "attribution" : "counting";
}

/* The CPUs on which a PMU has failed with this error, as a list to be freed; NULL: none. */
static char *list_failed(const struct pai_pmu *pmu, int error)
{
	_cleanup_free_ unsigned int *cpus = calloc(pmu->nr_cpus, sizeof(*cpus));
	size_t nr = 0;

	for (uint32_t cpu = 0; cpus && cpu < pmu->nr_cpus; cpu++)
		if (pmu->cpus[cpu].online && pmu->cpus[cpu].error == error)
			cpus[nr++] = cpu;
	return nr ? cpulist_format(cpus, nr) : NULL;
}

static int first_error(const struct pai_pmu *pmu)
{
	for (uint32_t cpu = 0; cpu < pmu->nr_cpus; cpu++)
		if (pmu->cpus[cpu].online && pmu->cpus[cpu].error)
			return pmu->cpus[cpu].error;
	return 0;
}

/* The error if every PMU fails on every CPU; 0 if at least one PMU is in use. */
static int all_failed(const struct pai *pai)
{
	int error = 0;

	for (size_t i = 0; i < PAI_NR_PMUS; i++) {
		const struct pai_pmu *pmu = &pai->pmus[i];

		for (uint32_t cpu = 0; pmu->reader && cpu < pmu->nr_cpus; cpu++) {
			if (!pmu->cpus[cpu].online)
				continue;
			error = pmu->cpus[cpu].error;
			if (!error || error == -EBUSY)
				return 0;
		}
	}
	return error;
}

/* Writes into the source's reason what differs from the configuration. say: also log it, once. */
static void give_reason(struct source *source, bool say)
{
	struct pai *pai = source->data;
	char before[sizeof(source->reason)];
	const struct pai_pmu *ext = &pai->pmus[PAI_EXT];
	struct pai_plan plan;
	const char *refused = ext->reader ? refusals[pai_plan_ext(source->config, ext->own, &plan)]
					  : NULL;

	memcpy(before, source->reason, sizeof(before));
	snprintf(source->reason, sizeof(source->reason), "%s", refused ?: "");
	for (size_t i = 0; i < PAI_NR_PMUS; i++) {
		const struct pai_pmu *pmu = &pai->pmus[i];
		int error = pmu->reader ? first_error(pmu) : 0;
		_cleanup_free_ char *cpus = error ? list_failed(pmu, error) : NULL;

		if (error == -EBUSY)
			source_fail(
				source, 0,
				"another user %s %s on CPUs %s, so paimond cannot %s there (end it, or set mode in [pai]; paimond retries by itself)",
				pmu->plan.counts ? "samples" : "has events of", pmu->name,
				cpus ?: "?", pmu->plan.counts ? "count" : "sample");
		else if (error)
			source_fail(source, 0, "%s cannot be opened on CPUs %s: %s%s", pmu->name,
				    cpus ?: "?", strerror(-error), reader_advice(error, pmu->type));
	}
	source->backend = backend(source, pai);
	if (say && source->reason[0] && strcmp(before, source->reason))
		log_warning("pai: %s", source->reason);
}

/* On CPUs with samples only, the programs count samples for the counters that are served. */
static void tell_samples(struct pai *pai)
{
	const struct pai_pmu *ext = &pai->pmus[PAI_EXT];

	for (uint32_t cpu = 0; cpu < ext->nr_cpus; cpu++)
		pai->samples->cpus[cpu].counts = ext->plan.samples && !ext->cpus[cpu].counts;
}

static void pai_detach(struct source *source, bool keep)
{
	struct pai *pai = source->data;

	for (size_t i = 0; i < PAI_NR_PMUS; i++)
		pai_pmu_detach(source, &pai->pmus[i], keep);
	pai_samples_free(source, pai->samples, keep);
	free(pai->scenario.cpus);
	free(pai);
	source->data = NULL;
}

static void pai_end_left(struct source *source)
{
	uint32_t nr_cpus;

	if (!cpulist_count_possible(&nr_cpus))
		pai_samples_end_left(source, nr_cpus);
	pai_attribute_end_left(source);
	for (size_t i = 0; i < PAI_NR_PMUS; i++)
		pins_drop(&(struct pins){source, pmus[i].pins, EVENTS_LAYOUT}, pmus[i].array);
}

static int attach_pmu(struct source *source, struct pai_pmu *pmu, uint32_t nr_cpus)
{
	struct pai *pai = source->data;
	int r;

	if (pmu != &pai->pmus[PAI_EXT]) {
		pmu->plan = (struct pai_plan){.counts = true, .prefers_counting = true};
		return pai_pmu_attach(source, pmu, NULL, nr_cpus);
	}
	pai_plan_ext(source->config, pmu->own, &pmu->plan);
	if (!pmu->plan.attributes)
		pai_attribute_end_left(source);
	r = pai_samples_new(source, nr_cpus, pmu->max_number, pmu->plan.samples, &pai->samples);
	if (r < 0)
		return r;
	/* Before the first sample, if counting is not planned at all. */
	for (uint32_t cpu = 0; cpu < nr_cpus; cpu++)
		pai->samples->cpus[cpu].counts = !pmu->plan.counts;
	r = pai_pmu_attach(source, pmu, pai->samples, nr_cpus);
	if (!r) {
		tell_samples(pai);
		pai_attribute_rest(pai, pmu);
	}
	return r;
}

static int pai_attach(struct source *source)
{
	struct pai *pai = calloc(1, sizeof(*pai));
	uint32_t nr_cpus, nr_pmus = 0;
	int r;

	if (!pai)
		return -ENOMEM;
	memcpy(pai->pmus, pmus, sizeof(pmus));
	source->data = pai;
	r = cpulist_count_possible(&nr_cpus);
	if (!r && source->replay) {
		r = pai_samples_new(source, nr_cpus, PAIMON_NNPA_COUNTERS_1ST, PAI_BY_NOTHING,
				    &pai->samples);
		for (uint32_t cpu = 0; !r && cpu < nr_cpus; cpu++)
			pai->samples->cpus[cpu].counts = true;
	}
	source->adopted = true;
	for (size_t i = 0; i < PAI_NR_PMUS && !r && !source->replay; i++) {
		if (pai_pmu_find(&pai->pmus[i]) < 0)
			continue;
		r = attach_pmu(source, &pai->pmus[i], nr_cpus);
		source->adopted &= pai->pmus[i].adopted;
		nr_pmus++;
	}
	if (!r && !nr_pmus && !source->replay)
		r = source_fail(source, -ENODEV, "the PMUs have no events in sysfs");
	if (!r) {
		r = all_failed(pai);
		give_reason(source, !r); /* the daemon logs a failure */
	}
	if (r < 0)
		pai_detach(source, true);
	return r;
}

/* Has a PMU been added, removed or replaced, or does it have to be used in another way? */
static bool pai_outdated(struct source *source)
{
	const struct pai *pai = source->data;

	for (size_t i = 0; i < PAI_NR_PMUS && !source->replay; i++) {
		const struct pai_pmu *pmu = &pai->pmus[i];
		struct pai_pmu now = pmus[i];

		pai_pmu_look(&now);
		if (now.type != pmu->type)
			return true;
		if (pmu->reader && i == PAI_EXT) {
			pai_plan_ext(source->config, now.own, &now.plan);
			if (now.plan.counts != pmu->plan.counts ||
			    now.plan.samples != pmu->plan.samples ||
			    now.plan.attributes != pmu->plan.attributes ||
			    now.plan.prefers_counting != pmu->plan.prefers_counting)
				return true;
		}
	}
	return false;
}

void pai_tend(struct source *source, bool retry)
{
	struct pai *pai = source->data;

	for (size_t i = 0; i < PAI_NR_PMUS; i++)
		if (pai->pmus[i].reader)
			pai_pmu_read(source, &pai->pmus[i], pai->samples, retry);
	if (pai->pmus[PAI_EXT].reader)
		tell_samples(pai);
}

/* Who is missing in two looks, seconds apart, has gone: a look that comes soon is none of them. */
static void pai_retry(struct source *source, bool soon)
{
	const struct pai *pai = source->data;

	pai_tend(source, true);
	if (pai->pmus[PAI_EXT].attribution && !soon)
		accounts_tend(pai->pmus[PAI_EXT].attribution);
	if (pai->samples && !soon && !source->replay) {
		pai_samples_reap(pai->samples);
		pai_samples_recycle(pai->samples);
	}
	give_reason(source, true);
}

static int pai_wake_fd(const struct source *source)
{
	const struct pai *pai = source->data;

	return pai->samples && pai->samples->wake ? ring_buffer__epoll_fd(pai->samples->wake)
						  : -ENOENT;
}

/* Woken by a program: few free places for cgroups are left. */
static void pai_woken(struct source *source)
{
	const struct pai *pai = source->data;

	pai_samples_recycle(pai->samples);
}

static const char *pai_restart(const struct source *source)
{
	const struct pai *pai = source->data;

	return pai->samples && pai->samples->max_cgroups != source->config->pai_max_cgroups
		       ? "max_cgroups"
		       : NULL;
}

static int pai_reload(struct source *source)
{
	const struct pai *pai = source->data;

	if (pai_restart(source))
		log_warning(
			"pai: max_cgroups changed: it stays %u until paimond starts without the pinned maps (stop it, then run paimonctl purge pai-%d; this loses %s)",
			pai->samples->max_cgroups, PAI_LAYOUT, state_loses("pai"));
	give_reason(source, true);
	return 0;
}

/* The run time of a dispatcher includes the program that it tail-calls. */
static void pai_objects(const struct source *source, struct source_objects *objects)
{
	static const char *const names[PAI_NR_PMUS][7] = {
		{"nnpa_array", "nnpa_values", "nnpa_order", "nnpa_slots", "nnpa_list", "nnpa_state",
		 "nnpa_read"},
		{"crypto_array", "crypto_values", "crypto_order", "crypto_slots", "crypto_list",
		 "crypto_state", "crypto_read"},
	};
	const struct pai *pai = source->data;
	struct bpf_map *map;

	for (size_t i = 0; i < PAI_NR_PMUS; i++) {
		const struct reader *reader = pai->pmus[i].reader;
		size_t j = 0;

		if (!reader)
			continue;
		source_add_program(objects, names[i][6],
				   bpf_program__fd(reader->bpf->progs.events_read));
		bpf_object__for_each_map(map, reader->bpf->obj)
			if (j < 6)
				source_add_map(objects, names[i][j++], bpf_map__fd(map));
	}
	if (pai->pmus[PAI_EXT].attribution)
		attribution_objects(pai->pmus[PAI_EXT].attribution, objects);
	if (!pai->samples)
		return;
	source_add_program(objects, "paimon_pai_sample", pai->samples->tracepoint);
	source_add_program(objects, "paimon_pai_overflow", pai->samples->overflow);
	bpf_object__for_each_map(map, pai->samples->bpf->obj)
		source_add_map(objects, bpf_map__name(map), bpf_map__fd(map));
	for (uint32_t cpu = 0; cpu < pai->samples->nr_cpus; cpu++)
		objects->events += pai->samples->cpus[cpu].samples;
}

const struct source_ops pai_source = {
	.name = "pai",
	.wanted = pai_wanted,
	.probe = pai_probe,
	.attach = pai_attach,
	.outdated = pai_outdated,
	.retry = pai_retry,
	.wake_fd = pai_wake_fd,
	.woken = pai_woken,
	.read = pai_read,
	.play = pai_play,
	.objects = pai_objects,
	.reload = pai_reload,
	.restart = pai_restart,
	.detach = pai_detach,
	.end_left = pai_end_left,
};
