// SPDX-License-Identifier: GPL-2.0
/* How pai_ext is to be used, by the configuration and by whose driver it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <paimon/nnpa.h>

#include "source/pai/pai_source.h"

static const struct {
	int mode, backend;
	bool accepts_panic, own; /* own: of paimon_pai.ko */
	struct pai_plan plan;
	enum pai_refusal refusal;
} plans[] = {
	{PAI_AUTO,
	 PAI_BACKEND_AUTO,
	 false,
	 false,
	 {true, true, PAI_BY_NOTHING, true},
	 PAI_NOT_REFUSED},
	{PAI_AUTO,
	 PAI_BACKEND_AUTO,
	 true,
	 true,
	 {true, true, PAI_BY_NOTHING, true},
	 PAI_NOT_REFUSED},
	{PAI_COUNTING,
	 PAI_BACKEND_TRACEPOINT,
	 true,
	 true,
	 {true, true, PAI_BY_NOTHING, false},
	 PAI_NOT_REFUSED},
	/* That of paimon_pai.ko either samples or counts. */
	{PAI_SAMPLING,
	 PAI_BACKEND_AUTO,
	 false,
	 true,
	 {false, false, PAI_BY_TRACEPOINT, false},
	 PAI_NOT_REFUSED},
	{PAI_SAMPLING,
	 PAI_BACKEND_TRACEPOINT,
	 false,
	 true,
	 {false, false, PAI_BY_TRACEPOINT, false},
	 PAI_NOT_REFUSED},
	{PAI_SAMPLING,
	 PAI_BACKEND_PERF_EVENT,
	 false,
	 true,
	 {false, false, PAI_BY_PERF_EVENT, false},
	 PAI_NOT_REFUSED},
	/* Others count all the same when they do not sample. */
	{PAI_SAMPLING,
	 PAI_BACKEND_TRACEPOINT,
	 true,
	 false,
	 {true, false, PAI_BY_NOTHING, false},
	 PAI_HAS_NO_TRACEPOINT},
	{PAI_SAMPLING,
	 PAI_BACKEND_AUTO,
	 false,
	 false,
	 {true, false, PAI_BY_NOTHING, false},
	 PAI_MAY_PANIC},
	{PAI_SAMPLING,
	 PAI_BACKEND_AUTO,
	 true,
	 false,
	 {true, false, PAI_BY_PERF_EVENT, false},
	 PAI_NOT_REFUSED},
};

static void test_plan(void **data)
{
	for (size_t i = 0; i < sizeof(plans) / sizeof(*plans); i++) {
		const struct config config = {
			.pai_mode = plans[i].mode,
			.pai_backend = plans[i].backend,
			.pai_accept_throttling_panic = plans[i].accepts_panic};
		struct pai_plan plan;

		assert_int_equal(pai_plan_ext(&config, plans[i].own, &plan), plans[i].refusal);
		assert_int_equal(plan.counts, plans[i].plan.counts);
		assert_int_equal(plan.prefers_counting, plans[i].plan.prefers_counting);
		assert_int_equal(plan.samples, plans[i].plan.samples);
		assert_int_equal(plan.attributes, plans[i].plan.attributes);
	}
}

/* A metric of functions can be summed: what counts them once more is not in it. */
static void test_kinds(void **data)
{
	assert_int_equal(pai_kind(PAI_EXT, PAIMON_NNPA_CONDITIONS_FIRST - 1), PAI_FUNCTIONS);
	assert_int_equal(pai_kind(PAI_EXT, PAIMON_NNPA_CONDITIONS_FIRST), PAI_CONDITIONS);
	assert_int_equal(pai_kind(PAI_EXT, PAIMON_NNPA_CONDITIONS_LAST), PAI_CONDITIONS);
	assert_int_equal(pai_kind(PAI_EXT, PAIMON_NNPA_CONDITIONS_LAST + 1), PAI_FUNCTIONS);
	assert_int_equal(pai_kind(PAI_CRYPTO, PAIMON_NNPA_CONDITIONS_FIRST), PAI_FUNCTIONS);
}

/* Attribution takes memory only where there is any. */
static void test_memory(void **data)
{
	struct config config = {.pai_mode = PAI_AUTO, .pai_max_cgroups = 64};
	uint64_t with = pai_map_bytes(&config, 4), without;

	config.pai_mode = PAI_COUNTING;
	without = pai_map_bytes(&config, 4);
	assert_true(with > without);
	config.pai_max_cgroups = 128;
	assert_true(pai_map_bytes(&config, 4) > without);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plan),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests_name("pai-plan", tests, NULL, NULL);
}
