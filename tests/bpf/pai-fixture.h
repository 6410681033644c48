/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of pai.bpf.c on the live kernel share: samples are made up in kernel memory
 * (pai-made-up.bpf.c), run through test_run, and the maps must say what was in them.
 * Needs root: cgroups are made and entered.
 */
#ifndef PAIMON_TESTS_PAI_FIXTURE_H
#define PAIMON_TESTS_PAI_FIXTURE_H

#include <bpf/bpf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/bpf.h"
#include "pai.h"
#include "pai-made-up.skel.h"

#define MAX_NUMBER 100
#define NR_CPUS 64

struct fixture {
	struct pai_made_up_bpf *bpf;
	struct pai_cpu *cpus;
	struct pai_cgroup *cgroups;
	struct pai_state *state;
	struct pai_made_up *made_up;
	struct paimon_pai_record *records; /* of samples that are made up */
	uint64_t address;		   /* the same to the kernel */
	unsigned int nr_cgroups;
};

extern char tree[256]; /* the folder of all cgroups that are made here */
extern size_t mount_len;

int run_on(struct bpf_program *program, int cpu, uint64_t a, uint64_t b);
void make_up(struct fixture *f);
struct fixture *load(unsigned int max_cgroups);
int setup(void **data);
int teardown(void **data);
int sample_on(struct fixture *f, int cpu, uint32_t nr);
void record(struct fixture *f, unsigned int i, uint16_t number, uint64_t value);
uint64_t total(const struct fixture *f, size_t offset);
uint64_t sum(const __u64 *counters);
uint64_t all_cgroups(const struct fixture *f);

/* Places that are taken. */
unsigned int nr_places(const struct fixture *f);

struct pai_cgroup *find_cgroup(const struct fixture *f, const char *path);
bool read_task(const struct fixture *f, uint32_t tgid, struct pai_task *ret_task);
uint64_t all_tasks(const struct fixture *f, unsigned int *ret_nr);

/* So many samples were malformed, and nothing else has happened. */
void assert_malformed(struct fixture *f, uint64_t malformed);

int enter_cgroup(const char *cgroup);

/* What a child does returns 0, or else the parent's test fails. */
void in_child(struct fixture *f, const char *cgroup, int (*does)(struct fixture *f));

/* A cgroup below the tree of this test, which is made with it. */
const char *make_cgroup(const char *name);

/* The path of a cgroup as the programs have it. */
const char *below_root(const char *folder);

int take_one(struct fixture *f);
int take_hundred(struct fixture *f);
/* How often a race is run that could be run that often: a twentieth of it in a short run. */
int repeated(int rounds);
int run_race(struct fixture *f, int rounds, int (*does)(struct fixture *f),
	     void (*prepares)(struct fixture *f, int round));
int play(struct fixture *f);

#define TOTAL(f, field) total(f, offsetof(struct pai_cpu, field))

/* 0, or the exit status of a test that cannot run here. */
int find_what_is_needed(void);

#endif
