// SPDX-License-Identifier: GPL-2.0
/*
 * Driver configuration of kept events that count: what the registry has, what is in force in the
 * kernel, and what is said, where a change is taken, refused, not possible or interrupted. The PMUs
 * are made up, and so is their side of /dev/paimon, which is the only part that this machine cannot
 * run: it keeps what was set by perf event. tests/vm/cases/29-live-config has the real one.
 */
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/un.h>
#include <unistd.h>

#include "events-fixture.h"
#include "lib/helpers.h"
#include "process/fdstore.h"
#include "source/events/drv_config.h"

#define SYSFS "/sys/bus/event_source/devices"
#define BOXES 1000 /* from this number types are of made-up PMUs */
#define MAX_KNOWN 256

/* The stand-in. Shared with processes that die. */
static struct stand_in {
	struct {
		uint64_t perf_id;
		__u64 config[3];
	} known[MAX_KNOWN]; /* what is in force, by perf event */
	uint32_t nr_known;
	uint32_t nr_set;	  /* requests to change something */
	uint32_t fails_at;	  /* the first of them that fails, from 1; 0: none */
	uint32_t nr_fails;	  /* so many fail from there */
	int error;		  /* with this error */
	uint32_t dies_at;	  /* the process ends in this request; 0: in none */
	bool dies_after;	  /* after it has been carried out */
	int device_error;	  /* of opening the device */
	uint64_t foreign_perf_id; /* its PMU cannot be configured */
} * stand_in;

int __wrap_perf_open(const void *attr, int cpu);
int __real_perf_open(const void *attr, int cpu);
int __wrap_drv_config_open(void);
int __wrap_drv_config_set(int device, int fd, const __u64 terms[3]);
int __wrap_drv_config_get(int device, int fd, __u64 ret_config[3]);

static uint64_t perf_id_of(int fd)
{
	uint64_t perf_id;

	assert_return_code(ioctl(fd, PERF_EVENT_IOC_ID, &perf_id), errno);
	return perf_id;
}

/* The configuration of a perf event of a made-up PMU, or NULL. */
static __u64 *config_of(uint64_t perf_id)
{
	for (uint32_t i = 0; i < stand_in->nr_known; i++)
		if (stand_in->known[i].perf_id == perf_id)
			return stand_in->known[i].config;
	return NULL;
}

/* What is not of this machine counts SPEC. */
int __wrap_perf_open(const void *attr, int cpu)
{
	struct perf_event_attr copy = {};
	__u64 terms[3];
	int fd;

	memcpy(&copy, attr, PERF_ATTR_SIZE_VER7);
	if (copy.type < BOXES)
		return __real_perf_open(attr, cpu);
	terms[0] = copy.config1;
	terms[1] = copy.config2;
	/* config3, which the headers may not have */
	memcpy(&terms[2], (const char *)attr + PERF_ATTR_SIZE_VER7, sizeof(terms[2]));
	copy.type = PERF_TYPE_TRACEPOINT;
	copy.size = PERF_ATTR_SIZE_VER7;
	copy.config = tracepoint_id("sys_enter_ioprio_get");
	copy.config1 = copy.config2 = 0;
	copy.exclude_user = copy.exclude_kernel = copy.exclude_hv = 0;
	fd = __real_perf_open(&copy, cpu);
	if (fd >= 0) {
		assert_true(stand_in->nr_known < MAX_KNOWN);
		stand_in->known[stand_in->nr_known].perf_id = perf_id_of(fd);
		memcpy(stand_in->known[stand_in->nr_known++].config, terms, sizeof(terms));
	}
	return fd;
}

int __wrap_drv_config_open(void)
{
	return stand_in->device_error ?: dup(STDOUT_FILENO);
}

static __u64 *find_config(int fd, int *ret_error)
{
	uint64_t perf_id = perf_id_of(fd);

	*ret_error = -EOPNOTSUPP;
	return perf_id == stand_in->foreign_perf_id ? NULL : config_of(perf_id);
}

int __wrap_drv_config_set(int device, int fd, const __u64 terms[3])
{
	uint32_t nr = ++stand_in->nr_set;
	int error;
	__u64 *known = find_config(fd, &error);

	if (nr == stand_in->dies_at && !stand_in->dies_after)
		_exit(0);
	if (!known)
		return error;
	if (nr >= stand_in->fails_at && nr < stand_in->fails_at + stand_in->nr_fails)
		return stand_in->error;
	memcpy(known, terms, sizeof(stand_in->known[0].config));
	if (nr == stand_in->dies_at)
		_exit(0);
	return 0;
}

int __wrap_drv_config_get(int device, int fd, __u64 ret_config[3])
{
	int error;
	const __u64 *known = find_config(fd, &error);

	if (!known)
		return error;
	memcpy(ret_config, known, sizeof(stand_in->known[0].config));
	return 0;
}

/* From now on, request number first and the ones after it, nr of them, fail. */
static void fail_from(uint32_t first, uint32_t nr, int error)
{
	stand_in->nr_set = 0;
	stand_in->fails_at = first;
	stand_in->nr_fails = nr;
	stand_in->error = error;
}

static void make_pmu(const char *name, int number)
{
	static const char *const terms[][2] = {
		{"event", "config:0-7\n"},  {"filter", "config1:0-31\n"}, {"port", "config2:0-7\n"},
		{"mode", "config3:0-63\n"}, {"other", "config4:0-63\n"},
	};
	char path[128];

	snprintf(path, sizeof(path), SYSFS "/%s", name);
	assert_int_equal(mkdir(path, 0755), 0);
	snprintf(path, sizeof(path), SYSFS "/%s/format", name);
	assert_int_equal(mkdir(path, 0755), 0);
	snprintf(path, sizeof(path), SYSFS "/%s/type", name);
	write_text(path, "%d\n", BOXES + number);
	for (size_t i = 0; i < sizeof(terms) / sizeof(terms[0]); i++) {
		snprintf(path, sizeof(path), SYSFS "/%s/format/%s", name, terms[i][0]);
		write_text(path, "%s", terms[i][1]);
	}
}

static int setup_pmus(void **data)
{
	memset(stand_in, 0, sizeof(*stand_in));
	if (mount("tmpfs", SYSFS, "tmpfs", 0, NULL))
		return -1;
	make_pmu("live", 0);
	return setup(data);
}

static int teardown_pmus(void **data)
{
	return teardown(data) | umount(SYSFS);
}

static struct events_event *pinned_list(void)
{
	return pinned("events_list", sizeof(struct events_event) * config.events_max);
}

/* What is in force on each CPU is this, as far as the registry and the kernel know. perf_ids: NULL,
 * or those of the CPUs; if they are 0 they are filled in, else they must be the same. */
static void expect_in_force(uint64_t id, const char *spec, const __u64 wanted[3],
			    uint64_t *perf_ids)
{
	struct json_object *object = show_json(&source, id);
	struct events_slot *slots = pinned_slots();
	struct events_event *list = pinned_list();
	unsigned int nr = 0;

	assert_string_equal(json_object_get_string(json_object_object_get(object, "spec")), spec);
	json_object_put(object);
	for (uint32_t i = 0; i < config.events_max * get_nprocs_conf(); i++) {
		const struct events_event *event = &list[slots[i].event - 1];

		if (!slots[i].event || event->id != id)
			continue;
		assert_int_equal(slots[i].terms, event->current);
		assert_int_equal(event->flags & EVENTS_CHANGING, 0);
		assert_memory_equal(&event->terms[event->current & 1].config[1], wanted,
				    3 * sizeof(*wanted));
		assert_non_null(config_of(slots[i].perf_id));
		assert_memory_equal(config_of(slots[i].perf_id), wanted, 3 * sizeof(*wanted));
		if (perf_ids && !perf_ids[slots[i].cpu])
			perf_ids[slots[i].cpu] = slots[i].perf_id;
		if (perf_ids)
			assert_int_equal(slots[i].perf_id, perf_ids[slots[i].cpu]);
		nr++;
	}
	assert_int_equal(nr, get_nprocs());
	munmap(slots, sizeof(*slots) * config.events_max * get_nprocs_conf());
	munmap(list, sizeof(*list) * config.events_max);
}

static bool is_another(uint64_t id, const uint64_t *perf_ids)
{
	struct events_slot *slots = pinned_slots();
	bool other = true;

	for (uint32_t i = 0; i < config.events_max * get_nprocs_conf(); i++)
		for (int cpu = 0; slots[i].event && cpu < get_nprocs(); cpu++)
			other &= slots[i].perf_id != perf_ids[cpu];
	munmap(slots, sizeof(*slots) * config.events_max * get_nprocs_conf());
	return other;
}

static void expect_set(uint64_t id, const char *set)
{
	struct json_object *object = show_json(&source, id);

	assert_string_equal(json_object_get_string(json_object_object_get(object, "set")), set);
	json_object_put(object);
}

static void change(uint64_t id, const char *terms)
{
	char *error;

	if (events_set(&source, id, terms, &error))
		fail_msg("%s", error);
}

static void change_fails(uint64_t id, const char *terms, int r, const char *part)
{
	char *error = NULL;

	assert_int_equal(events_set(&source, id, terms, &error), r);
	assert_non_null(error);
	if (!strstr(error, part) || !strstr(error, "nothing was changed"))
		fail_msg("no \"%s\" in \"%s\"", part, error);
	free(error);
}

static const __u64 first[3] = {5, 1, 0}, second[3] = {7, 1, 0}, third[3] = {7, 2, 9};
#define FIRST "live/event=1,filter=5,port=1/"
#define SECOND "live/event=1,filter=7,port=1/"
#define THIRD "live/event=1,filter=7,port=2,mode=9/"

/* The same perf events count on, with what is new and with what stays; anything else is reopened,
 * with all that is in force. */
static void test_changed(void **data)
{
	uint64_t id = open_event(FIRST, NULL, NULL), perf_ids[64] = {}, other[64] = {};

	expect_set(id, "live");
	load(3);
	expect_in_force(id, FIRST, first, perf_ids);
	change(id, "filter=7");
	load(2);
	expect_in_force(id, SECOND, second, perf_ids);
	assert_int_equal(number_of(id, "value"), 5 * get_nprocs());
	change(id, "port=2,mode=9");
	expect_in_force(id, THIRD, third, perf_ids);
	assert_int_equal(number_of(id, "changes"), 2);
	assert_int_equal(number_of(id, "reopened"), 0);
	expect_state(id, "counting");
	assert_int_equal(stand_in->nr_set, 2 * get_nprocs());
	change(id, "event=2,filter=7");
	assert_true(is_another(id, perf_ids));
	expect_in_force(id, "live/event=2,filter=7,port=2,mode=9/", third, other);
	change(id, "other=1");
	assert_true(is_another(id, other));
	assert_int_equal(stand_in->nr_set, 2 * get_nprocs());
	load(1);
	assert_int_equal(number_of(id, "value"), 6 * get_nprocs());
	assert_int_equal(number_of(id, "changes"), 4);
}

/* A change that is refused changes nothing, also where it is refused half-way. */
static void test_refused(void **data)
{
	uint64_t id = open_event(FIRST, NULL, NULL), perf_ids[64] = {};

	expect_in_force(id, FIRST, first, perf_ids);
	load(2);
	for (int at = 1; at <= get_nprocs(); at++) {
		fail_from(at, 1, -EBUSY);
		change_fails(id, "filter=7", -EBUSY, "another event uses what all counters");
		expect_in_force(id, FIRST, first, perf_ids);
		assert_int_equal(stand_in->nr_set, 2 * at - 1); /* those before it, and back */
	}
	fail_from(1, 1, -EINVAL);
	change_fails(id, "filter=7", -EINVAL, "not a configuration of PMU live");
	fail_from(2, 1, -ENOMEM);
	change_fails(id, "filter=7", -ENOMEM, "Cannot allocate memory");
	expect_in_force(id, FIRST, first, perf_ids);
	load(1);
	assert_int_equal(number_of(id, "value"), 3 * get_nprocs());
	assert_int_equal(number_of(id, "changes"), 0);
	change(id, "filter=7");
	expect_in_force(id, SECOND, second, perf_ids);
}

/* A perf event that cannot be put back either is reopened with what is in force. */
static void test_not_put_back(void **data)
{
	uint64_t id = open_event(FIRST, NULL, NULL);

	load(2);
	fail_from(2, 2, -ENOMEM);
	change_fails(id, "filter=7", -ENOMEM, "on CPU 1");
	expect_in_force(id, FIRST, first, NULL);
	load(1);
	assert_int_equal(number_of(id, "value"), 3 * get_nprocs());
	expect_state(id, "counting");
}

/* Where it cannot be done the event is reopened: no such device, a PMU that cannot, one of two that
 * cannot, and a CPU PMU or a kernel's own type, which nobody asks. */
static void test_reopened(void **data)
{
	uint64_t id = open_event(FIRST, NULL, NULL), perf_ids[64] = {}, clock;

	expect_in_force(id, FIRST, first, perf_ids);
	stand_in->device_error = -ENOENT;
	expect_set(id, "reopen");
	load(2);
	change(id, "filter=7");
	assert_true(is_another(id, perf_ids));
	memset(perf_ids, 0, sizeof(perf_ids));
	expect_in_force(id, SECOND, second, perf_ids);
	stand_in->device_error = 0;
	expect_set(id, "live");
	for (int cpu = 0; cpu < 2; cpu++) {
		stand_in->foreign_perf_id = perf_ids[cpu];
		expect_set(id, "reopen");
		change(id, cpu ? "filter=7" : "filter=5");
		assert_true(is_another(id, perf_ids));
		memset(perf_ids, 0, sizeof(perf_ids));
		expect_in_force(id, cpu ? SECOND : FIRST, cpu ? second : first, perf_ids);
	}
	load(1);
	assert_int_equal(number_of(id, "value"), 3 * get_nprocs());
	assert_int_equal(number_of(id, "changes"), 3);
	clock = open_event("cpu-clock", NULL, "0");
	expect_set(clock, "reopen");
	reload((struct config_event[]){{.name = "conf", .spec = FIRST, .cpus = ""}}, 1);
	expect_set(clock + 1, "no");
	reload(NULL, 0);
}

/* The next daemon opens with what is in force; without descriptors it cannot change anything live,
 * with those of the store it can. */
static void test_restart(void **data)
{
	uint64_t id = open_event(FIRST, NULL, NULL), perf_ids[64] = {};

	load(2);
	change(id, "filter=7");
	detach();
	attach();
	expect_set(id, "reopen");
	expect_in_force(id, SECOND, second, perf_ids);
	change(id, "port=2,mode=9");
	assert_true(is_another(id, perf_ids));
	expect_in_force(id, THIRD, third, NULL);
	expect_set(id, "live");
	load(1);
	assert_int_equal(number_of(id, "value"), 3 * get_nprocs());
}

/* What is missing on a CPU is opened with what is in force, not with what it was opened with. */
static void test_opened_again(void **data)
{
	uint64_t id = open_event(FIRST, NULL, NULL);
	struct events_slot *slots = pinned_slots();

	change(id, "filter=7");
	detach();
	for (uint32_t i = 0; i < config.events_max * get_nprocs_conf(); i++)
		if (slots[i].event && slots[i].cpu == 1)
			slots[i].event = 0;
	munmap(slots, sizeof(*slots) * config.events_max * get_nprocs_conf());
	attach();
	events_source.reload(&source);
	expect_in_force(id, SECOND, second, NULL);
}

/* A daemon that dies anywhere in a change: what the registry has is in force on all CPUs. Without
 * its descriptors the perf events are reopened for that. */
static void test_killed(void **data)
{
	uint64_t id = open_event(FIRST, NULL, NULL);
	int total = 0;

	for (int at = 1; at <= get_nprocs(); at++) {
		for (int after = 0; after < 2; after++) {
			pid_t child;

			load(1);
			total += get_nprocs();
			detach();
			stand_in->nr_set = 0;
			stand_in->dies_at = 0;
			child = fork();
			if (!child) {
				char *error;

				attach();
				/* So that it has descriptors. */
				if (events_set(&source, id, "event=1", &error))
					_exit(1);
				stand_in->nr_set = 0;
				stand_in->dies_at = at;
				stand_in->dies_after = after;
				events_set(&source, id, "filter=7", &error);
				_exit(2); /* it did not die */
			}
			assert_int_equal(wait_for(child), 0);
			stand_in->dies_at = 0;
			attach();
			expect_in_force(id, FIRST, first, NULL);
			assert_int_equal(number_of(id, "value"), total);
			expect_state(id, "counting");
		}
	}
}

/* The same with the descriptors in systemd's store: nothing is reopened. */
static void test_killed_with_store(void **data)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int store = socket(AF_UNIX, SOCK_DGRAM, 0);
	uint64_t id, perf_ids[64] = {};
	struct events_event *list;
	struct events_slot *slots;
	char path[64];

	snprintf(address.sun_path, sizeof(address.sun_path), "/tmp/paimon-live-%d", getpid());
	assert_int_equal(bind(store, (struct sockaddr *)&address, sizeof(address)), 0);
	snprintf(path, sizeof(path), "%s", address.sun_path);
	setenv("NOTIFY_SOCKET", path, 1);
	setenv("INVOCATION_ID", "0", 1);
	assert_int_equal(fdstore_init(), 0);
	setenv("NOTIFY_SOCKET", path, 1);
	id = open_event(FIRST, NULL, NULL);
	expect_in_force(id, FIRST, first, perf_ids);
	load(1);
	events_source.detach(&source, false);
	list = pinned_list();
	slots = pinned_slots();
	/* After the store of the slots' terms, before that of the event's. */
	list->terms[1] = list->terms[0];
	list->terms[1].config[1] = 7;
	list->flags |= EVENTS_CHANGING;
	slots[0].terms = slots[1].terms = 1;
	memcpy(config_of(perf_ids[0]), second, sizeof(second));
	memcpy(config_of(perf_ids[1]), second, sizeof(second));
	munmap(slots, sizeof(*slots) * config.events_max * get_nprocs_conf());
	munmap(list, sizeof(*list) * config.events_max);
	attach();
	load(1);
	expect_in_force(id, FIRST, first, perf_ids);
	expect_set(id, "live");
	assert_int_equal(number_of(id, "value"), 2 * get_nprocs());
	assert_int_equal(number_of(id, "reopened"), 0);
	detach();
	unsetenv("NOTIFY_SOCKET");
	unsetenv("INVOCATION_ID");
	fdstore_init();
	close(store);
	unlink(path);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup_pmus, teardown_pmus)
	const struct CMUnitTest tests[] = {
		TEST(test_changed),  TEST(test_refused),	   TEST(test_not_put_back),
		TEST(test_reopened), TEST(test_restart),	   TEST(test_opened_again),
		TEST(test_killed),   TEST(test_killed_with_store),
	};
	int r = find_what_is_needed();

	if (r)
		return r;
	if (get_nprocs() != 2) {
		printf("needs two CPUs\n");
		return 77;
	}
	stand_in = mmap(NULL, sizeof(*stand_in), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0);
	if (stand_in == MAP_FAILED)
		die("mmap");
	cmocka_set_test_filter(getenv("PAIMON_TESTS"));
	return cmocka_run_group_tests(tests, NULL, NULL) | rmdir(folder);
}
