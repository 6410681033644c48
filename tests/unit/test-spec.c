// SPDX-License-Identifier: GPL-2.0
/* Event specifications, against PMUs and tracepoints of made-up folders. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/helpers.h"
#include "util/event_spec.h"

static char folder[] = "/tmp/test-spec-XXXXXX";
static char pmus[64], hybrid[64], tracepoints[64];

/* With the folders that it is in. */
static void make(const char *path, const char *text, size_t length)
{
	char name[512];

	snprintf(name, sizeof(name), "%s/%s", folder, path);
	for (char *c = name + strlen(folder) + 1; (c = strchr(c, '/')); *c++ = '/') {
		*c = 0;
		assert_true(!mkdir(name, 0755) || errno == EEXIST);
	}
	write_file(name, text, length);
}

static int make_folder(void **state)
{
	static const char *const files[][2] = {
		{"pmus/cpu/type", "4\n"},
		{"pmus/cpu/cpus", "0-3\n"},
		{"pmus/cpu/format/event", "config:0-7,32-35\n"},
		{"pmus/cpu/format/umask", "config:8-15\n"},
		{"pmus/cpu/format/edge", "config:18\n"},
		{"pmus/cpu/format/ldlat", "config1:0-15\n"},
		{"pmus/cpu/format/frontend", "config1:0-23\n"},
		{"pmus/cpu/format/wide", "config2:0-63\n"},
		{"pmus/cpu/format/high", "config3:63"}, /* without its newline */
		{"pmus/cpu/format/mixed", "config2:62-63,0,5-6\n"},
		{"pmus/cpu/events/mem-loads", "event=0xcd,umask=0x1,ldlat=3\n"},
		{"pmus/cpu/events/edge", "event=0x7,edge\n"}, /* as a term is called too */
		{"pmus/cpu/events/ask", "event=?,umask=2\n"},
		{"pmus/cpu/events/direct", "config=0x1234,config3=5"},
		{"pmus/cpu/events/Mixed-Case", "event=0x12"},
		{"pmus/cpu/events/with.dot", "event=0x13"},
		{"pmus/cpu/events/with:colon", "event=0x14"},
		{"pmus/cpu/events/lower", "event=1"},
		{"pmus/cpu/events/LOWER", "event=2"},
		{"pmus/cpu/events/r3", "event=0x15"},
		{"pmus/cpu/events/blanks", " event = 0x16 , umask = 010"},
		{"pmus/cpu/events/raw", "r1a2"},
		{"pmus/cpu/format/four", "config4:0-63"},
		{"pmus/cpu/format/rd", "config:20"},
		{"pmus/level/type", "30\n"},
		{"pmus/level/events/margin", "config=6\n"},
		{"pmus/level/events/margin.snapshot", "1\n"},
		{"pmus/level/events/margin.unit", "C\n"},
		{"pmus/level/events/count", "config=7\n"},
		{"pmus/level/events/count.scale", "2\n"},
		{"pmus/uncore_imc_0/type", "40\n"},
		{"pmus/uncore_imc_0/cpumask", "0,4\n"},
		{"pmus/uncore_imc_0/format/event", "config:0-7\n"},
		{"pmus/uncore_imc_0/events/reads", "event=4\n"},
		{"pmus/uncore_imc_0/events/reads.scale", "64\n"},
		{"pmus/uncore_imc_0/events/first", "event=5\n"},
		{"pmus/uncore_imc_0/events/differs", "event=5\n"},
		{"pmus/uncore_imc_0/events/free", "event=5\n"},
		{"pmus/uncore_imc_0/events/free.snapshot", "1\n"},
		{"pmus/uncore_imc_10/type", "42\n"},
		{"pmus/uncore_imc_10/cpumask", "0\n"},
		{"pmus/uncore_imc_10/format/event", "config:0-7\n"},
		{"pmus/uncore_imc_10/events/reads", "event=4\n"},
		{"pmus/uncore_imc_10/events/reads.scale", "64\n"},
		{"pmus/uncore_imc_10/events/differs", "event=6\n"},
		{"pmus/uncore_imc_10/events/free", "event=5\n"},
		{"pmus/uncore_imc_2/type", "41\n"},
		{"pmus/uncore_imc_2/cpumask", "8\n"},
		{"pmus/uncore_imc_2/format/event", "config:0-7\n"},
		{"pmus/uncore_imc_2/events/reads", "event=4\n"},
		{"pmus/uncore_imc_2/events/reads.scale", "64\n"},
		{"pmus/uncore_imc_2/events/scaled", "event=4\n"},
		{"pmus/uncore_imc_10/events/scaled", "event=4\n"},
		{"pmus/uncore_imc_10/events/scaled.scale", "2\n"},
		{"pmus/uncore_imc_2/events/late", "event=4\n"},
		{"pmus/uncore_imc_10/events/late", "event=4\n"},
		{"pmus/uncore_imc_10/events/late.snapshot", "1\n"},
		{"pmus/uncore_imc_free_running_0/type", "43\n"},
		{"pmus/uncore_imc_free_running_0/cpumask", "0\n"},
		{"pmus/ddrc0/type", "44\n"},
		{"pmus/ddrc1/type", "45\n"},
		{"pmus/pmcg_3f062/type", "46\n"},
		{"pmus/pmcg_cf/type", "47\n"},
		{"hybrid/cpu_core/type", "4\n"},
		{"hybrid/cpu_core/cpus", "0-3\n"},
		{"hybrid/cpu_core/format/event", "config:0-7\n"},
		{"hybrid/cpu_core/events/cpu-cycles", "event=0x3c\n"},
		{"hybrid/cpu_atom/type", "10\n"},
		{"hybrid/cpu_atom/cpus", "4-7\n"},
		{"hybrid/cpu_atom/format/event", "config:0-7\n"},
		{"hybrid/uncore_x/type", "20\n"},
		{"arm/pmuv3_0/type", "8\n"},
		{"arm/pmuv3_0/cpus", "0-3\n"},
		{"arm/pmuv3_1/type", "9\n"},
		{"arm/pmuv3_1/cpus", "4-7\n"},
		{"hybrid/uncore_x/cpumask", "0\n"},
		{"pmus/imc_0.1/type", "17\n"},
		{"pmus/imc_0.1/cpumask", "8,0-1\n"},
		{"pmus/imc_0.1/cpus", "0-3\n"},
		{"pmus/imc_0.1/format/event", "config:0-7\n"},
		{"pmus/imc_0.1/events/reads", "event=0x4\n"},
		{"pmus/imc_0.1/events/reads.unit", "MiB\n"},
		{"pmus/imc_0.1/events/reads.scale", "6.103515625e-5\n"},
		{"pmus/software/type", "1\n"},
		{"pmus/offline/type", "4294967295"},
		{"pmus/offline/cpumask", "\n"},
		{"pmus/typeless/format/event", "config:0-7\n"},
		{"pmus/type0/type", "many\n"},
		{"pmus/type1/type", "4294967296\n"},
		{"pmus/type2/type", ""},
		{"pmus/type3/type", "-1\n"},
		{"pmus/mask/type", "9\n"},
		{"pmus/mask/cpumask", "3-1\n"},
		{"pmus/bad/type", "20\n"},
		{"pmus/bad/format/beyond", "config:0-64\n"},
		{"pmus/bad/format/reversed", "config:7-0\n"},
		{"pmus/bad/format/overlap", "config:0-7,4-9\n"},
		{"pmus/bad/format/other", "config5:0-7\n"},
		{"pmus/bad/format/prefix", "conf:0\n"},
		{"pmus/bad/format/nobits", "config:\n"},
		{"pmus/bad/format/nocolon", "config\n"},
		{"pmus/bad/format/gap", "config:0,,1\n"},
		{"pmus/bad/format/huge-number", "config:99999999999999999999\n"},
		{"pmus/bad/format/none", ""},
		{"pmus/bad/format/text", "\033[2Jconfig:0\n"},
		{"pmus/bad/format/a\nb", "config:0\n"},
		{"pmus/bad/events/empty", ""},
		{"pmus/bad/events/garbage", "=,=/../,\n"},
		{"pmus/bad/events/unknown", "nothing=1\n"},
		{"pmus/bad/events/itself", "itself\n"},
		{"pmus/bad/events/huge", "config=0x10000000000000000\n"},
		{"pmus/bad/events/scale", "config=1\n"},
		{"pmus/bad/events/scale.scale", "1,5\n"},
		{"pmus/bad/events/infinite", "config=1\n"},
		{"pmus/bad/events/infinite.scale", "1e999\n"},
		{"pmus/bad/events/unscaled", "config=1\n"},
		{"pmus/bad/events/unscaled.scale", "\n"},
		{"pmus/bad/events/unit", "config=1\n"},
		{"pmus/bad/events/unit.unit", "\033[2J\n"},
		{"pmus/file", "not a folder"},
		{"events/sched/sched_switch/id", "316\n"},
		{"events/sched/bad/id", "none\n"},
		{"events/sched/negative/id", "-1\n"},
		{"events/r1/r2/id", "7\n"},
		{"secret/id", "1\n"},
	};
	static char large[1 << 16], binary[] = "config:0\0-7\n";
	char name[64];

	assert_non_null(mkdtemp(folder));
	snprintf(pmus, sizeof(pmus), "%s/pmus", folder);
	snprintf(hybrid, sizeof(hybrid), "%s/hybrid", folder);
	snprintf(tracepoints, sizeof(tracepoints), "%s/events", folder);
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		make(files[i][0], files[i][1], strlen(files[i][1]));
	memset(large, '1', sizeof(large));
	make("pmus/bad/format/large", large, sizeof(large));
	make("pmus/bad/format/binary", binary, sizeof(binary));
	snprintf(name, sizeof(name), "%s/pmus/bad/format/pipe", folder);
	assert_int_equal(mkfifo(name, 0600), 0);
	snprintf(name, sizeof(name), "%s/pmus/bad/events/folder", folder);
	assert_int_equal(mkdir(name, 0755), 0);
	/* A page, as sysfs can have it at most. */
	memcpy(large, "config=1,config=", 16);
	memset(large + 16, '0', 4080);
	make("pmus/cpu/events/page", large, 4096);
	return 0;
}

static int remove_folder(void **state)
{
	remove_tree(folder);
	return 0;
}

static struct event_spec *parse(const char *text)
{
	struct event_spec *spec = NULL;
	char *error = NULL;

	if (event_spec_parse(pmus, tracepoints, text, &spec, &error))
		fail_msg("%s", error);
	assert_null(error);
	return spec;
}

static void test_configs(void **state)
{
	static const struct {
		const char *text, *canonical, *pmu; /* canonical: NULL if it is the text */
		uint32_t type;
		uint64_t configs[5];
	} cases[] = {
		{"cycles", NULL, "hardware", PERF_TYPE_HARDWARE, {PERF_COUNT_HW_CPU_CYCLES}},
		{"cpu-cycles", "cycles", "hardware", PERF_TYPE_HARDWARE, {0}},
		{"branch-instructions", "branches", "hardware", PERF_TYPE_HARDWARE, {4}},
		{"stalled-cycles-backend", NULL, "hardware", PERF_TYPE_HARDWARE, {8}},
		{"ref-cycles", NULL, "hardware", PERF_TYPE_HARDWARE, {9}},
		{"faults", "page-faults", "software", PERF_TYPE_SOFTWARE, {2}},
		{"cs", "context-switches", "software", PERF_TYPE_SOFTWARE, {3}},
		{"cgroup-switches", NULL, "software", PERF_TYPE_SOFTWARE, {11}},
		{"r1A2", "r1a2", "raw", PERF_TYPE_RAW, {0x1a2}},
		{"r00000000000000001a2", "r1a2", "raw", PERF_TYPE_RAW, {0x1a2}},
		{"rffffffffffffffff", NULL, "raw", PERF_TYPE_RAW, {UINT64_MAX}},
		{"sched:sched_switch", NULL, "tracepoint", PERF_TYPE_TRACEPOINT, {316}},
		{"r1:r2", NULL, "tracepoint", PERF_TYPE_TRACEPOINT, {7}},
		{"software/config=011/", "software/config=0xb/", "software", 1, {11}},
		{"software/config=00/", "software/config=0/", "software", 1, {0}},
		{"L1-dcache-load-misses", NULL, "hw-cache", PERF_TYPE_HW_CACHE, {0x10000}},
		{"l1d-misses-read", "L1-dcache-load-misses", "hw-cache", 3, {0x10000}},
		{"L1-data", "L1-dcache-loads", "hw-cache", 3, {0}},
		{"l1-d-speculative-load", "L1-dcache-prefetches", "hw-cache", 3, {0x200}},
		{"LLC-stores", NULL, "hw-cache", 3, {0x102}},
		{"L2-store-refs", "LLC-stores", "hw-cache", 3, {0x102}},
		{"branch-miss", "branch-load-misses", "hw-cache", 3, {0x10005}},
		{"node-prefetch-misses", NULL, "hw-cache", 3, {0x10206}},
		{"cpu//", NULL, "cpu", 4, {0}},
		{"offline/config=0/", NULL, "offline", UINT32_MAX, {0}},
		/* Bits 0 to 7, then 32 to 35. */
		{"cpu/event=0xfff/", NULL, "cpu", 4, {0xf000000ff}},
		{"cpu/event=0x100/", NULL, "cpu", 4, {1ULL << 32}},
		{"cpu/event=0X3C,umask=1/", "cpu/event=0x3c,umask=1/", "cpu", 4, {0x13c}},
		{"cpu/event=60,umask=01/", "cpu/event=0x3c,umask=1/", "cpu", 4, {0x13c}},
		{"cpu/event=0011,umask=08/", "cpu/event=0xb,umask=8/", "cpu", 4, {0x80b}},
		{"cpu/event=0x00ff/", "cpu/event=0xff/", "cpu", 4, {0xff}},
		/* Blanks between the parts. */
		{" cpu / event = 0x3c ,\tumask=1 / ", "cpu/event=0x3c,umask=1/", "cpu", 4, {0x13c}},
		{"\ncycles ", "cycles", "hardware", PERF_TYPE_HARDWARE, {0}},
		{"cycles//", "cycles", "hardware", PERF_TYPE_HARDWARE, {0}},
		{"cycles:", "cycles", "hardware", PERF_TYPE_HARDWARE, {0}},
		/* A raw config is another way to write config=, unless there is such an event. */
		{"cpu/r1A2/", "cpu/config=0x1a2/", "cpu", 4, {0x1a2}},
		{"cpu/r00000000000000003c/", "cpu/config=0x3c/", "cpu", 4, {0x3c}},
		{"cpu/r00000000000000000/", "cpu/config=0/", "cpu", 4, {0}},
		{"cpu/umask=1,r3c/", "cpu/umask=1,config=0x3c/", "cpu", 4, {0x13c}},
		{"cpu/r1a2,config=1/", "cpu/config=1/", "cpu", 4, {1}},
		{"cpu/r3/", NULL, "cpu", 4, {0x15}},
		{"cpu/rd/", "cpu/config=0xd/", "cpu", 4, {0xd}},
		{"cpu/rd=1/", NULL, "cpu", 4, {1 << 20}},
		{"cpu/raw/", NULL, "cpu", 4, {0x1a2}},
		/* From low to high, whatever the order that they are listed in. */
		{"cpu/mixed=1/", NULL, "cpu", 4, {0, 0, 1}},
		{"cpu/mixed=0x16/", NULL, "cpu", 4, {0, 0, (1ULL << 63) | (3ULL << 5)}},
		{"cpu/wide=0xffffffffffffffff,high=1/",
		 NULL,
		 "cpu",
		 4,
		 {0, 0, UINT64_MAX, 1ULL << 63}},
		{"cpu/high/", "cpu/high=1/", "cpu", 4, {0, 0, 0, 1ULL << 63}},
		{"cpu/config=0x1,config1=0x12,config2=0x13,config3=0x14/",
		 "cpu/config=1,config1=0x12,config2=0x13,config3=0x14/",
		 "cpu",
		 4,
		 {1, 18, 19, 20}},
		{"cpu/config4=0x15/", NULL, "cpu", 4, {0, 0, 0, 0, 0x15}},
		{"cpu/four=0xffffffffffffffff/", NULL, "cpu", 4, {0, 0, 0, 0, UINT64_MAX}},
		/* Terms add bits, to config= wherever that is; of two of these the last one is it.
		 */
		{"cpu/config=0xffff,umask=0/", NULL, "cpu", 4, {0xffff}},
		{"cpu/umask=2,config=0x3c/", NULL, "cpu", 4, {0x23c}},
		{"cpu/config=0x3c,umask=2/", NULL, "cpu", 4, {0x23c}},
		{"cpu/config=1,config=2/", "cpu/config=2/", "cpu", 4, {2}},
		{"cpu/ldlat=5,frontend=6/", NULL, "cpu", 4, {0, 7}},
		{"cpu/ldlat=3,config1=0x10/", NULL, "cpu", 4, {0, 0x13}},
		{"cpu/umask=1,event=2,umask=2/", "cpu/umask=3,event=2/", "cpu", 4, {0x302}},
		/* Events of the kernel, and terms that add to theirs. */
		{"cpu/mem-loads/", NULL, "cpu", 4, {0x1cd, 3}},
		{"cpu/mem-loads,ldlat=28/", "cpu/mem-loads,ldlat=0x1c/", "cpu", 4, {0x1cd, 31}},
		{"cpu/ldlat=28,mem-loads/", "cpu/mem-loads,ldlat=0x1c/", "cpu", 4, {0x1cd, 31}},
		{"cpu/direct,umask=0xff/", NULL, "cpu", 4, {0xff34, 0, 0, 5}},
		{"cpu/umask=0xff,config=1,direct/",
		 "cpu/direct,umask=0xff,config=1/",
		 "cpu",
		 4,
		 {0xff01, 0, 0, 5}},
		{"cpu/event=mem-loads,umask=2/", "cpu/mem-loads,umask=2/", "cpu", 4, {0x3cd, 3}},
		{"cpu/mem-loads=1/", "cpu/mem-loads/", "cpu", 4, {0x1cd, 3}},
		{"cpu/MIXED-case/", "cpu/Mixed-Case/", "cpu", 4, {0x12}},
		{"cpu/lower/", NULL, "cpu", 4, {1}},
		{"cpu/LOWER/", NULL, "cpu", 4, {2}},
		{"cpu/with.dot/", NULL, "cpu", 4, {0x13}},
		{"cpu/with:colon/", NULL, "cpu", 4, {0x14}},
		{"cpu/blanks/", NULL, "cpu", 4, {0xa16}},
		/* What is a term and an event is the term. */
		{"cpu/edge/", "cpu/edge=1/", "cpu", 4, {0x40000}},
		{"cpu/edge=1/", NULL, "cpu", 4, {0x40000}},
		{"cpu/mem-loads,edge/", "cpu/mem-loads,edge=1/", "cpu", 4, {0x401cd, 3}},
		/* Generic events of a PMU of CPUs that has no file for them. */
		{"cpu/cycles/", NULL, "cpu", PERF_TYPE_HARDWARE, {4ULL << 32}},
		{"cpu/branch-instructions/", "cpu/branches/", "cpu", 0, {4ULL << 32 | 4}},
		{"cpu/LLC-loads/", NULL, "cpu", PERF_TYPE_HW_CACHE, {4ULL << 32 | 2}},
		{"cpu/ask,event=3/", NULL, "cpu", 4, {0x203}},
		{"cpu/page/", NULL, "cpu", 4, {0}},
		{"bad/config=1/", NULL, "bad", 20, {1}},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct event_spec *spec = parse(cases[i].text), *again;

		assert_string_equal(spec->text, cases[i].canonical ?: cases[i].text);
		assert_string_equal(spec->pmu, cases[i].pmu);
		assert_int_equal(spec->type, cases[i].type);
		assert_int_equal(spec->config, cases[i].configs[0]);
		assert_int_equal(spec->config1, cases[i].configs[1]);
		assert_int_equal(spec->config2, cases[i].configs[2]);
		assert_int_equal(spec->config3, cases[i].configs[3]);
		assert_int_equal(spec->config4, cases[i].configs[4]);
		assert_int_equal(spec->exclude, 0);
		assert_false(spec->level);
		assert_string_equal(spec->unit, "");
		assert_string_equal(spec->scale, "");
		assert_false(spec->uncore && strcmp(spec->pmu, "offline"));
		again = parse(spec->text);
		assert_string_equal(again->text, spec->text);
		assert_int_equal(again->config, spec->config);
		event_spec_free(again);
		event_spec_free(spec);
	}
}

static void test_cpus(void **state)
{
	struct event_spec *spec = parse("imc_0.1/reads/");

	assert_string_equal(spec->unit, "MiB");
	assert_string_equal(spec->scale, "6.103515625e-5");
	assert_string_equal(spec->cpus, "0-1,8");
	assert_true(spec->uncore);
	event_spec_free(spec);
	/* The unit is the event's, not its terms'. */
	spec = parse("imc_0.1/event=4/");
	assert_string_equal(spec->unit, "");
	event_spec_free(spec);
	spec = parse("cpu/event=1/");
	assert_string_equal(spec->cpus, "0-3");
	assert_false(spec->uncore);
	event_spec_free(spec);
	spec = parse("offline/config=1/");
	assert_string_equal(spec->cpus, "");
	assert_true(spec->uncore);
	event_spec_free(spec);
	spec = parse("software/config=1/");
	assert_null(spec->cpus);
	event_spec_free(spec);
	spec = parse("cycles");
	assert_null(spec->cpus);
	event_spec_free(spec);
}

static void test_errors(void **state)
{
	static const struct {
		const char *text;
		int error;
		const char *part; /* of the message */
	} cases[] = {
		{"", -EINVAL, "system:event"},
		{"nonsense", -EINVAL, "page-faults"},
		{"bpf-output", -EINVAL, "no such event"},
		{"r", -EINVAL, "rNNN"},
		{"r12345678123456781", -EINVAL, "no such event"},
		{"r1g", -EINVAL, "no such event"},
		{"R1", -EINVAL, "no such event"},
		{"cycles:x", -EINVAL, "'x' is not a modifier"},
		{"cycles:uu", -EINVAL, "u is given twice"},
		{"cycles:p", -EINVAL, "'p' is not a modifier"},
		{"cycles/u", -EINVAL, "second / is missing"},
		{"sched:sched_switch:x", -EINVAL, "'x' is not a modifier"},
		{"sched:sched_switch:", 0, ""},
		{"CYCLES", -EINVAL, "no such event"},
		{"L1-dcache-load-misses-refs", -EINVAL, "no such event"},
		{"L1-dcache-load-store", -EINVAL, "no such event"},
		{"L1-dcache-", -EINVAL, "no such event"},
		{"L1-icache-stores", -EINVAL, "no such event"},
		{"branch-stores", -EINVAL, "no such event"},
		{"cpu/cycles,event=1/", -EINVAL, "no term cycles"},
		{"imc_0.1/cycles/", -EINVAL, "no term cycles"},
		{"CPU/event=1/", -ENOENT, "no PMU CPU"},
		{"cpu/EVENT=1/", -EINVAL, "no term EVENT"},
		{"imc/differs/", -EINVAL,
		 "it has different meanings on PMUs uncore_imc_0 and uncore_imc_10"},
		{"imc/free/", -EINVAL, "write one of PMUs uncore_imc_0 and uncore_imc_10"},
		{"imc/scaled/", -EINVAL,
		 "it has different meanings on PMUs uncore_imc_2 and uncore_imc_10"},
		{"imc/late/", -EINVAL, "a level of several PMUs has no sum"},
		{"imc/nothing/", -EINVAL, "no term nothing"},
		{"im/event=1/", -ENOENT, "no PMU im "},
		{"pmcg/config=1/", 0, ""},
		{"sched:sched_nothing", -ENOENT, "sched:sched_nothing"},
		{"sched:bad", -EINVAL, "sched/bad/id"},
		{"sched:negative", -EINVAL, "sched/negative/id"},
		{"..:secret", -EINVAL, "system:event"},
		{"sched:..", -EINVAL, "system:event"},
		{"sched:a:b", -EINVAL, "'b' is not a modifier"},
		{":", -EINVAL, "system:event"},
		{"sched:", -EINVAL, "system:event"},
		{":sched_switch", -EINVAL, "system:event"},
		{"..:../secret", -EINVAL, "/"},
		{"/", -EINVAL, "second / is missing"},
		{"//", -EINVAL, "name of a PMU"},
		{"cpu/", -EINVAL, "second / is missing"},
		{"cpu/event=1", -EINVAL, "second / is missing"},
		{"cpu/event=1/x", -EINVAL, "modifier"},
		{"cpu/event=1//", -EINVAL, "modifier"},
		{"../config=1/", -EINVAL, "'..'"},
		{"./config=1/", -EINVAL, "'.'"},
		{"c pu/config=1/", -EINVAL, "'c pu'"},
		{"gpu/config=1/", -ENOENT, "no PMU gpu"},
		{"gpu/config=1/", -ENOENT, "; there are bad, cpu, ddrc0, ddrc1, file, imc_0.1"},
		{"file/config=1/", -ENOTDIR, "PMU file"},
		{"typeless/config=1/", -ENOENT, "cannot read type of PMU typeless"},
		{"type0/config=1/", -EINVAL, "'many'"},
		{"type1/config=1/", -EINVAL, "'4294967296'"},
		{"type2/config=1/", -EINVAL, "type of PMU type2"},
		{"type3/config=1/", -EINVAL, "'-1'"},
		{"mask/config=1/", -EINVAL, "CPUs of PMU mask are '3-1'"},
		{"cpu/event=1,/", -EINVAL, "'' is not a term"},
		{"cpu/,/", -EINVAL, "'' is not a term"},
		{"cpu/=1/", -EINVAL, "'' is not a term"},
		{"cpu/event=/", -EINVAL, "'event' is not a term"},
		{"cpu/ev ent=1/", -EINVAL, "'ev ent' is not a term"},
		{"cpu/..=1/", -EINVAL, "'..' is not a term"},
		{"cpu/event=1=2/", -EINVAL, "event of PMU cpu cannot be 1=2"},
		{"cpu/event=-1/", -EINVAL, "cannot be -1"},
		{"cpu/event=1 2/", -EINVAL, "cannot be 1 2"},
		{"cpu/event=+1/", -EINVAL, "cannot be +1"},
		{"cpu/event=0b1/", -EINVAL, "cannot be 0b1"},
		{"cpu/event=0x0x1/", -EINVAL, "cannot be 0x0x1"},
		{"cpu/event=0x/", -EINVAL, "cannot be 0x"},
		{"cpu/event=4096/", -EINVAL, "from 0 to 4095 (0xfff)"},
		{"cpu/edge=2/", -EINVAL, "from 0 to 1 "},
		{"cpu/wide=0x10000000000000000/", -EINVAL, "to 18446744073709551615 "},
		{"cpu/config=18446744073709551616/", -EINVAL, "to 18446744073709551615 "},
		{"cpu/colour=1/", -EINVAL, "PMU cpu has no term colour"},
		{"cpu/colour=1/", -EINVAL,
		 "use one of config, config1, config2, config3, config4, edge, event, four, frontend, high, ldlat, mixed, rd, umask, wide, or"},
		{"cpu/name=foo/", -EINVAL, "term name is for recording, which paimon does not do"},
		{"cpu/event=1,period=1000/", -EINVAL, "term period is for recording"},
		{"mem:0x1000:rw", -EINVAL, "breakpoints (mem:) are not supported"},
		{"mem:0x1000/4:rw", -EINVAL, "breakpoints (mem:) are not supported"},
		{"cpu/mem-store/", -EINVAL, "paimonctl list"},
		{"cpu/config5=1/", -EINVAL, "no term config5"},
		{"cpu/mem-loads,direct/", -EINVAL, "direct is a second event"},
		{"cpu/mem-loads=2/", -EINVAL, "no term mem-loads"},
		{"cpu/event=nothing/", -EINVAL, "event of PMU cpu cannot be nothing"},
		{"cpu/ask/", -EINVAL,
		 "event ask: needs a value for term event; write cpu/ask,event="},
		{"level/margin.snapshot/", -EINVAL, "no term margin.snapshot"},
		{"imc_0.1/reads.unit/", -EINVAL, "no term reads.unit"},
		{"software/event=1/", -EINVAL, "config2, config3, config4, or an event"},
		{"bad/beyond=1/", -EINVAL, "format/beyond of PMU bad"},
		{"bad/reversed=1/", -EINVAL, "format/reversed"},
		{"bad/overlap=1/", -EINVAL, "format/overlap"},
		{"bad/other=1/", -EINVAL,
		 "format/other of PMU bad names a config word that this version"},
		{"bad/prefix=1/", -EINVAL, "format/prefix"},
		{"bad/nobits=1/", -EINVAL, "format/nobits"},
		{"bad/nocolon=1/", -EINVAL, "format/nocolon"},
		{"bad/gap=1/", -EINVAL, "format/gap"},
		{"bad/huge-number=1/", -EINVAL, "format/huge-number"},
		{"bad/none=1/", -EINVAL, "format/none"},
		{"bad/text=1/", -EBADMSG, "format/text"},
		{"bad/large=1/", -EFBIG, "format/large"},
		{"bad/binary=1/", -EBADMSG, "format/binary"},
		{"bad/pipe=1/", -EBADMSG, "format/pipe"},
		{"bad/nothing=1/", -EINVAL, "a?b, beyond, binary"},
		{"bad/empty/", -EINVAL, "event empty: '' is not a term"},
		{"bad/garbage/", -EINVAL, "event garbage: '' is not a term"},
		{"bad/unknown/", -EINVAL, "event unknown: PMU bad has no term nothing"},
		{"bad/itself/", -EINVAL, "event itself: PMU bad has no term itself"},
		{"bad/huge/", -EINVAL, "event huge: term config"},
		{"bad/folder/", -EBADMSG, "events/folder"},
		{"bad/scale/", -EINVAL, "'1,5'"},
		{"bad/infinite/", -EINVAL, "'1e999'"},
		{"bad/unscaled/", -EINVAL, "''"},
		{"bad/unit/", -EBADMSG, "events/unit.unit"},
		{"cy\033[2J\ncles", -EINVAL, "cy?[2J?cles: "},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct event_spec *spec = NULL;
		char *error = NULL;
		int r = event_spec_parse(pmus, tracepoints, cases[i].text, &spec, &error);

		if (!cases[i].error) { /* beside what is refused */
			assert_int_equal(r, 0);
			event_spec_free(spec);
			continue;
		}
		if (r != cases[i].error || !error || !strstr(error, cases[i].part))
			fail_msg("%s: %d, %s", cases[i].text, r, error);
		for (char *c = error; *c; c++)
			assert_true(isprint((unsigned char)*c));
		assert_null(spec);
		free(error);
	}
}

static void test_limits(void **state)
{
	struct event_spec *spec = NULL;
	char text[4096] = "cpu/", *error;

	/* One term too many; then all of one name. */
	for (int i = 0; i < 257; i++)
		sprintf(text + strlen(text), "%st%d=1", i ? "," : "", i);
	strcat(text, "/");
	assert_int_equal(event_spec_parse(pmus, tracepoints, text, &spec, &error), -EINVAL);
	assert_non_null(strstr(error, "more than 256 terms"));
	free(error);
	strcpy(text, "cpu/edge=0");
	for (int i = 0; i < 100; i++)
		strcat(text, ",edge=1");
	strcat(text, "/");
	spec = parse(text);
	assert_string_equal(spec->text, "cpu/edge=1/");
	event_spec_free(spec);
	memset(text, 'a', sizeof(text) - 1);
	assert_int_equal(event_spec_parse(pmus, tracepoints, text, &spec, &error), -EINVAL);
	assert_non_null(strstr(error, "no such event"));
	free(error);
	/* Longer than a file's name can be. */
	strcpy(text + 250, "/config=1/");
	assert_int_equal(event_spec_parse(pmus, tracepoints, text, &spec, &error), -EINVAL);
	assert_non_null(strstr(error, "not the name of a PMU"));
	free(error);
	assert_int_equal(event_spec_parse("/nonexistent", "", "cpu/config=1/", &spec, &error),
			 -ENOENT);
	assert_non_null(strstr(error, "sysfs"));
	free(error);
	assert_int_equal(event_spec_parse("", "/nonexistent", "a:b", &spec, &error), -ENOENT);
	assert_non_null(strstr(error, "tracefs is not mounted"));
	free(error);
}

static void test_set(void **state)
{
	static const struct {
		const char *text, *terms, *result; /* NULL: -EINVAL */
	} cases[] = {
		{"pmu/a=1,b=2/", "b=3", "pmu/a=1,b=3/"},
		{"pmu/a=1,b=2/", "a=3", "pmu/a=3,b=2/"},
		{"pmu/a=1,b=2/", "c=0x3", "pmu/a=1,b=2,c=0x3/"},
		{"pmu/alias/", "a=1,b", "pmu/alias,a=1,b/"},
		{"pmu/a,b=1/", "b,a=0", "pmu/a=0,b/"},
		{"pmu//", "a=1", "pmu/a=1/"},
		{"pmu/a=1/", "", NULL},
		{"pmu/a=1/", "a=", NULL},
		{"pmu/a=1/", "a=1/", NULL},
		{"pmu/a=1/", ",", NULL},
		{"pmu/a=1/", "a=1,", NULL},
		{"pmu/a=1", "a=1", NULL},
		{"pmu/a=1/u", "a=2", "pmu/a=2/u"},
		{"pmu/a=1/", " a = 2 , b ", "pmu/a=2,b/"},
		{"pmu/a=1/", "a=2,a=3", "pmu/a=3/"},
		{"cycles", "a=1", NULL},
		{"sched:sched_switch", "a=1", NULL},
		{"", "a=1", NULL},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *result = NULL;
		int r = event_spec_set(cases[i].text, cases[i].terms, &result);

		assert_int_equal(r, cases[i].result ? 0 : -EINVAL);
		if (cases[i].result)
			assert_string_equal(result, cases[i].result);
		else
			assert_null(result);
		free(result);
	}
}

static void test_modifiers(void **state)
{
#define U EVENT_EXCLUDE_USER
#define K EVENT_EXCLUDE_KERNEL
#define V EVENT_EXCLUDE_HV
#define G EVENT_EXCLUDE_GUEST
#define H EVENT_EXCLUDE_HOST
#define C EVENT_GUESTS_CHOSEN
	static const struct {
		const char *text, *canonical; /* canonical: NULL if it is the text */
		uint32_t exclude;
	} cases[] = {
		{"cycles:u", NULL, K | V | G},
		{"cycles:k", NULL, U | V},
		{"cycles:h", NULL, U | K},
		{"cycles:ku", "cycles:uk", V | G},
		{"cycles:hku", "cycles:ukh", G},
		{"cycles:kh", NULL, U},
		{"cycles:G", NULL, H | C},
		{"cycles:H", NULL, G | C},
		{"cycles:HG", "cycles:GH", C},
		{"cycles:Gu", "cycles:uG", K | V | H | C},
		{"cycles:uGH", NULL, K | V | C},
		{"cycles : k", "cycles:k", U | V},
		{"cpu-cycles//u", "cycles:u", K | V | G},
		{"r1a2:k", NULL, U | V},
		{"L2-loads:k", "LLC-loads:k", U | V},
		{"page-faults:u", NULL, K | V | G},
		{"sched:sched_switch:k", NULL, U | V},
		{"cpu/event=1/k", NULL, U | V},
		{"cpu/mem-loads/ u", "cpu/mem-loads/u", K | V | G},
		{"imc/reads/k", NULL, U | V},
		{"cpu/cycles/k", NULL, U | V},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct event_spec *spec = parse(cases[i].text), *again;

		assert_string_equal(spec->text, cases[i].canonical ?: cases[i].text);
		assert_int_equal(spec->exclude, cases[i].exclude);
		again = parse(spec->text);
		assert_string_equal(again->text, spec->text);
		assert_int_equal(again->exclude, spec->exclude);
		event_spec_free(again);
		event_spec_free(spec);
	}
}

static void test_level(void **state)
{
	struct event_spec *spec = parse("level/margin/");

	assert_true(spec->level);
	assert_string_equal(spec->unit, "C");
	event_spec_free(spec);
	spec = parse("level/count/");
	assert_false(spec->level);
	assert_string_equal(spec->scale, "2");
	event_spec_free(spec);
	/* Its terms alone say nothing. */
	spec = parse("level/config=6/");
	assert_false(spec->level);
	event_spec_free(spec);
}

static void expect_pmus(const struct event_spec *spec, size_t nr, const char *const (*boxes)[2])
{
	assert_int_equal(spec->nr_pmus, nr);
	for (size_t i = 0; i < nr; i++) {
		assert_string_equal(spec->pmus[i].name, boxes[i][0]);
		assert_string_equal(spec->pmus[i].cpus, boxes[i][1]);
	}
}

/* A name is for all boxes, by rising number, that have the event. */
static void test_boxes(void **state)
{
	static const char *const names[] = {"imc/reads/", "uncore_imc/reads/"};
	struct event_spec *spec;

	for (int i = 0; i < 2; i++) {
		spec = parse(names[i]);
		expect_pmus(spec, 3,
			    (const char *const[][2]){{"uncore_imc_0", "0,4"},
						     {"uncore_imc_2", "8"},
						     {"uncore_imc_10", "0"}});
		assert_int_equal(spec->pmus[2].type, 42);
		assert_int_equal(spec->config, 4);
		assert_string_equal(spec->text, names[i]);
		assert_string_equal(spec->scale, "64");
		assert_string_equal(spec->cpus, "0,4,8");
		assert_true(spec->uncore);
		event_spec_free(spec);
	}
	spec = parse("imc/first/");
	expect_pmus(spec, 1, (const char *const[][2]){{"uncore_imc_0", "0,4"}});
	event_spec_free(spec);
	/* The exact name is that PMU alone. */
	spec = parse("uncore_imc_0/reads/");
	expect_pmus(spec, 1, (const char *const[][2]){{"uncore_imc_0", "0,4"}});
	event_spec_free(spec);
	spec = parse("ddrc/config=1/");
	assert_int_equal(spec->nr_pmus, 2);
	assert_null(spec->cpus);
	event_spec_free(spec);
	/* An address; two digits of hex are a name. */
	spec = parse("pmcg/config=1/");
	assert_int_equal(spec->nr_pmus, 1);
	assert_int_equal(spec->type, 46);
	event_spec_free(spec);
}

/* Where CPUs are of several kinds, generic events are of the PMU of each. */
static void test_hybrid(void **state)
{
	static const char *const texts[] = {"cycles", "r1a2", "LLC-loads", "instructions:u"};
	struct event_spec *spec;
	char *error = NULL, arm[64];

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		assert_int_equal(event_spec_parse(hybrid, tracepoints, texts[i], &spec, &error), 0);
		expect_pmus(spec, 2,
			    (const char *const[][2]){{"cpu_atom", "4-7"}, {"cpu_core", "0-3"}});
		assert_string_equal(spec->cpus, "0-7");
		assert_true(spec->core && !spec->uncore);
		event_spec_free(spec);
		spec = parse(texts[i]);
		assert_int_equal(spec->nr_pmus, 0);
		event_spec_free(spec);
	}
	assert_int_equal(event_spec_parse(hybrid, tracepoints, "cpu_atom/cycles/", &spec, &error),
			 0);
	assert_int_equal(spec->type, PERF_TYPE_HARDWARE);
	assert_int_equal(spec->config, 10ULL << 32);
	event_spec_free(spec);
	assert_int_equal(
		event_spec_parse(hybrid, tracepoints, "cpu_core/cpu-cycles/", &spec, &error), 0);
	assert_int_equal(spec->type, 4);
	assert_int_equal(spec->config, 0x3c);
	event_spec_free(spec);
	snprintf(arm, sizeof(arm), "%s/arm", folder);
	assert_int_equal(event_spec_parse(arm, tracepoints, "pmuv3/branch-misses/", &spec, &error),
			 0);
	expect_pmus(spec, 2, (const char *const[][2]){{"pmuv3_0", "0-3"}, {"pmuv3_1", "4-7"}});
	assert_int_equal(spec->type, PERF_TYPE_HARDWARE);
	assert_int_equal(spec->config, PERF_COUNT_HW_BRANCH_MISSES);
	event_spec_free(spec);
	assert_int_equal(event_spec_parse(hybrid, tracepoints, "cpu-clock", &spec, &error), 0);
	assert_int_equal(spec->nr_pmus, 0);
	event_spec_free(spec);
}

static int asked_for = -EACCES;

static int ask(const char *text, uint64_t *ret_id)
{
	assert_string_equal(text, "hidden:one");
	if (asked_for < 0)
		return asked_for;
	*ret_id = asked_for;
	return 0;
}

/* What tracefs does not say is asked for. */
static void test_asked(void **state)
{
	struct event_spec *spec = NULL;
	char *error = NULL;

	event_spec_ask_tracepoint = ask;
	assert_int_equal(event_spec_parse(pmus, tracepoints, "hidden:one", &spec, &error), -EACCES);
	assert_non_null(strstr(error, "this user cannot read"));
	free(error);
	asked_for = 77;
	spec = parse("hidden:one");
	assert_int_equal(spec->config, 77);
	assert_string_equal(spec->text, "hidden:one");
	event_spec_free(spec);
	spec = parse("sched:sched_switch");
	assert_int_equal(spec->config, 316);
	event_spec_free(spec);
	event_spec_ask_tracepoint = NULL;
}

/* What no machine takes, and only that. */
static void test_check(void **state)
{
	static const struct {
		const char *text, *part; /* of the message; NULL: none */
	} cases[] = {
		{"cycles", NULL},
		{"L1-icache-loads:k", NULL},
		{"r1a2", NULL},
		{"any:thing", NULL},
		{"any:thing:uk", NULL},
		{"any/thing,else=0x12/u", NULL},
		{"any/event=name/", NULL},
		{" any / thing = 1 / ", NULL},
		{"any//", NULL},
		{"\"page-faults\"", "no such event"},
		{"page-faults # each CPU", "no such event"},
		{"cycles:x", "not a modifier"},
		{"cpu/event=1", "second / is missing"},
		{"cpu/event=1/x", "not a modifier"},
		{"cpu/event=0b1/", "term event cannot be 0b1"},
		{"cpu/umask=name/", "term umask cannot be name"},
		{"cpu/event=-1/", "cannot be -1"},
		{"cpu/name=foo/", "term name is for recording, which paimon does not do"},
		{"mem:0x1000:rw", "breakpoints (mem:) are not supported"},
		{"cpu/event=18446744073709551616/", "cannot be 18446744073709551616"},
		{"cpu/event=1,/", "'' is not a term"},
		{"c pu/event=1/", "'c pu'"},
		{"sched:", "system:event"},
		{"", "no such event"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *error = NULL;
		int r = event_spec_check(cases[i].text, &error);

		if (r != (cases[i].part ? -EINVAL : 0) || !error != !cases[i].part ||
		    (error && !strstr(error, cases[i].part)))
			fail_msg("%s: %d, %s", cases[i].text, r, error);
		free(error);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_configs), cmocka_unit_test(test_cpus),
		cmocka_unit_test(test_errors),	cmocka_unit_test(test_limits),
		cmocka_unit_test(test_set),	cmocka_unit_test(test_modifiers),
		cmocka_unit_test(test_level),	cmocka_unit_test(test_boxes),
		cmocka_unit_test(test_hybrid),	cmocka_unit_test(test_asked),
		cmocka_unit_test(test_check),
	};

	return cmocka_run_group_tests_name("spec", tests, make_folder, remove_folder);
}
