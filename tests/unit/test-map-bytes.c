// SPDX-License-Identifier: GPL-2.0
/*
 * The memory of all maps on machines with many CPUs, as `paimonctl check` computes it, with all
 * sources but pai, whose machines have at most some hundred CPUs, the default configuration and an
 * event that is attributed. tests/bpf/odd-machines compares what is computed with what a kernel
 * says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/config.h"
#include "source/cspmu/probe.h"
#include "source/events/probe.h"
#include "source/iopf/probe.h"

#define MIB 0x100000

static struct config *make_config(const char *keys)
{
	static const char attributed[] = "[event faults]\nspec = page-faults\nby = process\n";
	char path[] = "/tmp/paimon-map-bytes-XXXXXX";
	struct config *config;
	char *error = NULL;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, attributed, strlen(attributed)), strlen(attributed));
	assert_int_equal(write(fd, keys, strlen(keys)), strlen(keys));
	close(fd);
	assert_int_equal(config_load(path, true, &config, &error), 0);
	unlink(path);
	return config;
}

static uint64_t sum(const struct config *config, uint32_t nr_cpus)
{
	uint64_t iopf = iopf_map_bytes(config);
	uint64_t cspmu = cspmu_map_bytes(cspmu_max_events(config, &(struct cspmu_found){}));
	uint64_t events = events_map_bytes(config, nr_cpus);

	/* A row of the table in docs/operator.md, which tests/unit/docs compares. */
	print_message("| %u | %u | %.1f | %.1f | %.1f |\n", nr_cpus,
		      events_max_slots(config, nr_cpus), iopf / (double)MIB, events / (double)MIB,
		      cspmu / (double)MIB);
	return iopf + events + cspmu;
}

static void test_budget(void **state __attribute__((unused)))
{
	static const uint32_t sizes[] = {2, 16, 64, 128, 256, 1024};
	struct config *config = make_config("");

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		assert_in_range(sum(config, sizes[i]), 1, 16 * MIB);
	/* It grows with the CPUs, and fits wherever fewer are. */
	for (uint32_t nr = 1, before = 0; nr <= 1024; nr++) {
		uint64_t bytes = events_map_bytes(config, nr);

		assert_true(bytes > before);
		before = bytes;
	}
	config_free(config);
}

/* Who asks for a number of events gets them, on each CPU. */
static void test_slots(void **state __attribute__((unused)))
{
	struct config *config = make_config("");
	struct config *asked = make_config("[events]\nmax = 128\n");

	assert_int_equal(events_max_events(config), 128);
	assert_int_equal(events_max_slots(config, 2), 256);
	assert_int_equal(events_max_slots(config, 128), 16384);
	assert_int_equal(events_max_slots(config, 1024), 16384);
	assert_int_equal(events_max_slots(asked, 1024), 131072);
	assert_int_equal(events_nr_slots(asked, 1024), 132096);
	config_free(config);
	config_free(asked);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_slots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
