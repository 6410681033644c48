// SPDX-License-Identifier: GPL-2.0
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sysinfo.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "events-fixture.h"
#include "lib/helpers.h"

char folder[] = "/tmp/paimon-events-XXXXXX";
struct config config;
struct source source;
const struct events_owner owner = {EVENTS_FROM_COMMAND, 1000, 77, "test"};

void attach(void)
{
	source = (struct source){.ops = &events_source, .config = &config};
	if (events_source.attach(&source))
		fail_msg("%s", source.reason);
}

void detach(void)
{
	events_source.detach(&source, true);
}

int setup(void **data)
{
	config = (struct config){.state_dir = folder,
				 .events_max = 8,
				 .events_per_cpu = false,
				 .events_max_cgroup_series = 64};
	if (mount("bpf", folder, "bpf", 0, NULL))
		return -1;
	attach();
	return 0;
}

int teardown(void **data)
{
	if (source.data)
		detach();
	return umount(folder);
}

void load(int n)
{
	for (int cpu = 0; cpu < get_nprocs(); cpu++) {
		pin_to(cpu);
		for (int i = 0; i < n; i++)
			syscall(SYS_ioprio_get, 1, 0);
	}
	unpin();
}

uint64_t open_event(const char *spec, const char *name, const char *cpus)
{
	char *error;
	uint64_t id;

	if (events_open(&source, spec, name, cpus, KEPT_BY_NOTHING, &owner, &id, &error))
		fail_msg("%s", error);
	return id;
}

void open_fails(const char *spec, const char *name, const char *cpus, int r, const char *part)
{
	char *error = NULL;
	uint64_t id;

	assert_int_equal(
		events_open(&source, spec, name, cpus, KEPT_BY_NOTHING, &owner, &id, &error), r);
	assert_non_null(error);
	if (!strstr(error, part))
		fail_msg("no \"%s\" in \"%s\"", part, error);
	free(error);
}

int64_t number_of(uint64_t id, const char *key)
{
	struct json_object *object = show_json(&source, id);
	int64_t n = -1;

	if (object)
		n = json_object_get_int64(json_object_object_get(object, key));
	json_object_put(object);
	return n;
}

void expect_state(uint64_t id, const char *state)
{
	struct json_object *object = show_json(&source, id);

	assert_non_null(object);
	assert_string_equal(json_object_get_string(json_object_object_get(object, "state")), state);
	json_object_put(object);
}

void for_all_perf_events(unsigned long request)
{
	for (int fd = 0; fd < 256; fd++) {
		char path[32], target[64] = "";

		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		if (readlink(path, target, sizeof(target) - 1) > 0 &&
		    !strcmp(target, "anon_inode:[perf_event]"))
			assert_int_equal(ioctl(fd, request, 0), 0);
	}
}

void *pinned(const char *map, size_t size)
{
	char path[128];
	void *memory;
	int fd;

	snprintf(path, sizeof(path), "%s/events-%d/%s", folder, EVENTS_LAYOUT, map);
	fd = bpf_obj_get(path);
	assert_true(fd >= 0);
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(memory, MAP_FAILED);
	close(fd);
	return memory;
}

struct events_slot *pinned_slots(void)
{
	return pinned("events_slots",
		      sizeof(struct events_slot) * config.events_max * get_nprocs_conf());
}

int tracepoint_id(const char *name)
{
	char path[128];
	FILE *file;
	int id;

	snprintf(path, sizeof(path), "/sys/kernel/tracing/events/syscalls/%s/id", name);
	file = fopen(path, "re");
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%d", &id), 1);
	fclose(file);
	return id;
}

void reload(struct config_event *events, size_t nr)
{
	config.events = events;
	config.nr_events = nr;
	events_source.reload(&source);
}

int64_t point_of(const char *metric, const char *name, const char *cpu)
{
	struct snapshot *snapshot = snapshot_new(NULL);
	int64_t found = -1;

	assert_int_equal(events_source.read(&source, snapshot), 0);
	for (size_t i = 0; i < snapshot->nr_families; i++) {
		const struct family *family = &snapshot->families[i];

		for (size_t j = 0; j < family->nr_points; j++) {
			const struct point *point = &family->points[j];

			if (strcmp(family->metric->name, metric) ||
			    strcmp(point->labels[0].value, name) ||
			    (cpu ? point->nr_labels < 2 || strcmp(point->labels[1].value, cpu)
				 : point->nr_labels > 1))
				continue;
			assert_int_equal(found, -1);
			found = point->integer;
		}
	}
	snapshot_free(snapshot);
	return found;
}

int find_what_is_needed(void)
{
	/* The mounts are nobody else's, and end with this process. */
	if (own_mounts() < 0) {
		printf("needs root: %s\n", strerror(errno));
		return 77;
	}
	if (mount_tracefs()) {
		printf("tracefs cannot be mounted: %s\n", strerror(errno));
		return 77;
	}
	if (!mkdtemp(folder))
		return 1;
	return 0;
}
