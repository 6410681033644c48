// SPDX-License-Identifier: GPL-2.0
/*
 * iopf-run GROUPS DEVICES run|watch REQUEST HANDLE RESPONSE: groups of page
 * requests on the running kernel, without the module, 64 of a device in flight at
 * once. Each event is one system call:
 *
 *	run	BPF_PROG_TEST_RUN of the raw_tp program of that id, on the event's
 *		arguments; `empty` in the place of an id does nothing
 *	watch	one that fails at once, with the event's arguments, for a tracer at
 *		its tracepoint: prctl, keyctl, set_mempolicy_home_node; the ids are
 *		those of the tracer's programs
 *
 * All of it happens twice, since statistics cost time: printed are, for each
 * group, the nanoseconds it took without them, and with them the nanoseconds
 * that the programs ran for and how often they ran.
 *
 * Used by ./dev bench: to time the programs of a running paimond against those
 * of bpftrace, and to give paimond as many devices as a scrape is to have.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include <paimon/record.h>

#include "lib/helpers.h"
#include "util/clock.h"
#include "name.skel.h"

#define BATCH 64
#define PASID 7

enum event { REQUEST, HANDLE, RESPONSE };

static int programs[3];
static bool watch;

static void fire(enum event event, uint64_t args[7])
{
	static const long calls[] = {
		[REQUEST] = SYS_prctl,
		[HANDLE] = SYS_keyctl,
		[RESPONSE] = SYS_set_mempolicy_home_node,
	};
	LIBBPF_OPTS(bpf_test_run_opts, options, .ctx_in = args, .ctx_size_in = 7 * sizeof(*args));

	if (!watch) {
		if (bpf_prog_test_run_opts(programs[event], &options))
			die("BPF_PROG_TEST_RUN");
	} else if (event == RESPONSE) {
		syscall(calls[event], args[0], args[1], args[2], args[3]);
	} else {
		syscall(calls[event], -1, args[0], args[1], args[2], args[event == HANDLE ? 3 : 4]);
	}
}

static void fire_groups(uint64_t dev, uint64_t name, unsigned int nr)
{
	for (uint64_t i = 0; i < nr; i++)
		fire(REQUEST, (uint64_t[7]){dev, PASID, i, 4096 * i, PAIMON_IOPF_PERM_READ,
					    PAIMON_IOPF_PASID_VALID | PAIMON_IOPF_LAST, name});
	for (uint64_t i = 0; i < nr; i++)
		fire(HANDLE, (uint64_t[7]){dev, PASID, i, 1});
	for (uint64_t i = 0; i < nr; i++)
		fire(RESPONSE, (uint64_t[7]){dev, PASID, i, PAIMON_IOPF_SUCCESS});
}

static int open_program(const char *id)
{
	static const struct bpf_insn nothing[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	int fd = strcmp(id, "empty") ? bpf_prog_get_fd_by_id(strtoul(id, NULL, 10))
				     : bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, "bench_empty",
						     "GPL", nothing, 2, NULL);

	if (fd < 0)
		die(id);
	return fd;
}

/* The address of a name in kernel memory, as a driver's device has one. */
static uint64_t kernel_name(struct name_bpf *bpf, unsigned int device)
{
	LIBBPF_OPTS(bpf_test_run_opts, options);

	snprintf(bpf->bss->name, sizeof(bpf->bss->name), "bench%u", device);
	if (bpf_prog_test_run_opts(bpf_program__fd(bpf->progs.find_name), &options))
		die("find_name");
	return bpf->bss->address;
}

static void read_statistics(uint64_t *ret_ns, uint64_t *ret_runs)
{
	uint64_t ns = 0, runs = 0;

	for (int i = 0; i < 3; i++) {
		struct bpf_prog_info info = {};
		uint32_t size = sizeof(info);

		if (bpf_obj_get_info_by_fd(programs[i], &info, &size))
			die("BPF_OBJ_GET_INFO_BY_FD");
		ns += info.run_time_ns;
		runs += info.run_cnt;
	}
	*ret_ns = ns;
	*ret_runs = runs;
}

/* All groups of all devices; returns the nanoseconds that it took. */
static uint64_t fire_all(struct name_bpf *bpf, unsigned int devices, unsigned int groups)
{
	uint64_t start = clock_ns(CLOCK_MONOTONIC);

	for (unsigned int device = 1; device <= devices; device++) {
		uint64_t name = kernel_name(bpf, device);
		/* As an address in the kernel is: no small number. */
		uint64_t dev = 0xffff888100000000 + device * 4096ULL;

		for (unsigned int left = groups, nr; left; left -= nr) {
			nr = left < BATCH ? left : BATCH;
			fire_groups(dev, name, nr);
		}
	}
	return clock_ns(CLOCK_MONOTONIC) - start;
}

int main(int argc, char **argv)
{
	unsigned int groups = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
	unsigned int devices = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
	uint64_t wall, ns, runs, ns_before, runs_before;
	double total = (double)groups * devices;
	struct name_bpf *bpf;

	if (argc != 7 || !groups || !devices) {
		fputs("iopf-run GROUPS DEVICES run|watch REQUEST HANDLE RESPONSE\n", stderr);
		return 2;
	}
	watch = !strcmp(argv[3], "watch");
	for (int i = 0; i < 3; i++)
		programs[i] = open_program(argv[4 + i]);
	bpf = name_bpf__open_and_load();
	if (!bpf)
		die("cannot load the program that holds the names");
	wall = fire_all(bpf, devices, groups);
	/* Kept as long as this process lives. */
	if (bpf_enable_stats(BPF_STATS_RUN_TIME) < 0)
		die("BPF_ENABLE_STATS");
	read_statistics(&ns_before, &runs_before);
	fire_all(bpf, devices, groups);
	read_statistics(&ns, &runs);
	printf("%.1f %.1f %.4f\n", wall / total, (ns - ns_before) / total,
	       (runs - runs_before) / total);
	name_bpf__destroy(bpf);
	return 0;
}
