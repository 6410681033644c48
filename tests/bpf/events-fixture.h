/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of the source of kept perf events share: it runs through its operations, on the
 * live kernel. What is counted is a system call that nobody else makes, so counts are known. Needs
 * root, and tracefs mounted.
 */
#ifndef PAIMON_TESTS_EVENTS_FIXTURE_H
#define PAIMON_TESTS_EVENTS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "events_json.h"
#include "source/events/events_source.h"
#include "source/events/registry.h"
#include "source/source.h"

#define SPEC "syscalls:sys_enter_ioprio_get"

extern char folder[]; /* bpffs */
extern struct config config;
extern struct source source;
extern const struct events_owner owner;

void attach(void);

/* The daemon ends. */
void detach(void);

int setup(void **data);
int teardown(void **data);

/* n system calls on each CPU. */
void load(int n);

uint64_t open_event(const char *spec, const char *name, const char *cpus);
void open_fails(const char *spec, const char *name, const char *cpus, int r, const char *part);

/* A number of an event, as /v1/events has it, or -1: there is no such event. */
int64_t number_of(uint64_t id, const char *key);

void expect_state(uint64_t id, const char *state);

/* Calls an ioctl on every perf event of this process. */
void for_all_perf_events(unsigned long request);

void *pinned(const char *map, size_t size);
struct events_slot *pinned_slots(void);
int tracepoint_id(const char *name);
void reload(struct config_event *events, size_t nr);

/* A number that is served of an event, and of a CPU unless that is NULL; -1: it is not. */
int64_t point_of(const char *metric, const char *name, const char *cpu);

/* 0, or the exit status of a test that cannot run here. */
int find_what_is_needed(void);

#endif
