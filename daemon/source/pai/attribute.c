// SPDX-License-Identifier: GPL-2.0
/* Attributes the counters of a PMU at context switches. */
#include <errno.h>
#include <string.h>

#include "../../util/log.h"
#include "../source.h"
#include "pai_source.h"

#define LINK "nnpa-switch"

static struct pins accounts_pins(struct source *source)
{
	return (struct pins){source, "nnpa-accounts", SWITCH_LAYOUT};
}

/* Gives each counter its column, and those of others back. */
static void take_columns(struct pai_pmu *pmu)
{
	struct attribution *attribution = pmu->attribution;

	for (uint32_t number = 1; number < SWITCH_COLUMNS; number++) {
		bool exists = *pai_pmu_counter(pmu, number);

		if (attribution->state->columns[number].event && !exists)
			attribution_release(attribution, number);
		else if (!attribution->state->columns[number].event && exists)
			attribution_take(attribution, number, number, true);
	}
}

int pai_attribute_begin(struct source *source, struct pai_pmu *pmu)
{
	const struct attribution_options options = pai_attribution_options(source->config);
	const struct pins pins = accounts_pins(source);
	int r;

	if (!pmu->plan.attributes)
		return 0;
	if (pmu->max_number >= SWITCH_COLUMNS || !pmu->reader->events[PAI_NUMBER_ALL].id)
		return source_fail(source, -EOPNOTSUPP,
				   "%s has counters that this paimond does not know", pmu->name);
	r = attribution_new(source, &pins, LINK, &options, pmu->reader, &pmu->attribution);
	if (r < 0)
		return r;
	take_columns(pmu);
	r = attribution_start(source, pmu->attribution);
	if (r < 0)
		pmu->attribution = attribution_free(pmu->attribution, false);
	return r;
}

int pai_attribute_slot(struct pai_pmu *pmu, uint32_t cpu, uint32_t number, bool adopted)
{
	uint32_t slot = pai_pmu_slot(pmu, cpu, number) - pmu->reader->slots;

	if (!pmu->attribution)
		return 0;
	if (!adopted)
		attribution_reset_slot(pmu->attribution, slot, 0);
	reader_set_elsewhere(pmu->reader, slot, true);
	if (attribution_slot(pmu->attribution, cpu, number) == slot)
		return 0;
	return attribution_set(pmu->attribution, cpu, number, slot,
			       number == PAI_NUMBER_ALL ? SWITCH_GATE : SWITCH_PROCESS,
			       adopted && !pmu->attribution->kept);
}

void pai_unattribute_slot(struct pai_pmu *pmu, uint32_t cpu, uint32_t number)
{
	uint32_t slot = pai_pmu_slot(pmu, cpu, number) - pmu->reader->slots;

	if (!pmu->attribution)
		return;
	attribution_clear(pmu->attribution, cpu, number);
	attribution_reset_slot(pmu->attribution, slot, 0);
	reader_set_elsewhere(pmu->reader, slot, false);
}

void pai_attribute_rest(struct pai *pai, struct pai_pmu *pmu)
{
	for (uint32_t number = 1; pmu->attribution && number < SWITCH_COLUMNS; number++) {
		struct events_reading total = {};

		if (!pmu->attribution->state->columns[number].event)
			continue;
		for (uint32_t cpu = 0; cpu < pmu->nr_cpus; cpu++)
			total.value += pai_counted(pai, pmu - pai->pmus, cpu, number);
		attribution_reconcile(pmu->attribution, number, &total);
	}
}

void pai_attribute_end(struct source *source, struct pai_pmu *pmu, bool keep)
{
	pmu->attribution = attribution_free(pmu->attribution, keep);
}

void pai_attribute_end_left(struct source *source)
{
	const struct pins pins = accounts_pins(source);

	pins_drop(&pins, LINK);
}
