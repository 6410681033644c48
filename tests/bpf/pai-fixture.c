// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/helpers.h"
#include "pai-fixture.h"

char tree[256]; /* the folder of all cgroups that are made here */
size_t mount_len;

int run_on(struct bpf_program *program, int cpu, uint64_t a, uint64_t b)
{
	uint64_t args[2] = {a, b};

	return run_program(program, cpu, args, sizeof(args));
}

void make_up(struct fixture *f)
{
	assert_int_equal(run_program(f->bpf->progs.make_up, -1, NULL, 0), 0);
}

struct fixture *load(unsigned int max_cgroups)
{
	LIBBPF_OPTS(bpf_object_open_opts, options, .btf_custom_path = "/sys/kernel/btf/vmlinux");
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->bpf = pai_made_up_bpf__open_opts(&options);
	assert_non_null(f->bpf);
	bpf_program__set_autoload(f->bpf->progs.pai_play, true);
	f->nr_cgroups = max_cgroups + 1;
	bpf_map__set_max_entries(f->bpf->maps.pai_cgroups, f->nr_cgroups);
	bpf_map__set_max_entries(f->bpf->maps.pai_departed, f->nr_cgroups);
	bpf_map__set_max_entries(f->bpf->maps.pai_cgroup_paths, max_cgroups);
	assert_return_code(pai_made_up_bpf__load(f->bpf), errno);
	f->cpus = map_memory(f->bpf->maps.pai_cpus);
	f->cgroups = map_memory(f->bpf->maps.pai_cgroups);
	f->state = map_memory(f->bpf->maps.pai_state);
	f->made_up = map_memory(f->bpf->maps.pai_made_up);
	f->state->max_number = MAX_NUMBER;
	for (int cpu = 0; cpu < NR_CPUS; cpu++)
		f->cpus[cpu].counts = 1;
	set_program(f->bpf->maps.pai_programs, PAI_SAMPLE, f->bpf->progs.pai_sample);
	set_program(f->bpf->maps.pai_overflow_programs, PAI_SAMPLE, f->bpf->progs.pai_overflow);
	make_up(f);
	f->records = (void *)f->bpf->data_raw->raw;
	f->address = f->bpf->bss->raw_address;
	assert_true(f->address != 0);
	return f;
}

int setup(void **data)
{
	*data = load(64);
	return 0;
}

static int remove_cgroup(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return type == FTW_DP ? rmdir(path) : 0;
}

int teardown(void **data)
{
	struct fixture *f = *data;

	if (!access(tree, F_OK))
		assert_return_code(nftw(tree, remove_cgroup, 16, FTW_DEPTH | FTW_PHYS), errno);
	unmap_memory(f->bpf->maps.pai_cpus, f->cpus);
	unmap_memory(f->bpf->maps.pai_cgroups, f->cgroups);
	unmap_memory(f->bpf->maps.pai_state, f->state);
	unmap_memory(f->bpf->maps.pai_made_up, f->made_up);
	pai_made_up_bpf__destroy(f->bpf);
	free(f);
	return 0;
}

int sample_on(struct fixture *f, int cpu, uint32_t nr)
{
	return run_on(f->bpf->progs.paimon_pai_sample, cpu, nr, f->address);
}

void record(struct fixture *f, unsigned int i, uint16_t number, uint64_t value)
{
	f->records[i] = (struct paimon_pai_record){number, value};
}

uint64_t total(const struct fixture *f, size_t offset)
{
	uint64_t sum = 0;

	for (int i = 0; i < NR_CPUS; i++)
		sum += *(const uint64_t *)((const char *)&f->cpus[i] + offset);
	return sum;
}

uint64_t sum(const __u64 *counters)
{
	uint64_t events = 0;

	for (int i = 0; i < PAI_COUNTERS; i++)
		events += counters[i];
	return events;
}

uint64_t all_cgroups(const struct fixture *f)
{
	uint64_t events = 0;

	for (unsigned int i = 0; i < f->nr_cgroups; i++)
		events += sum(f->cgroups[i].counts.counters) + sum(f->cgroups[i].counts.beside);
	return events;
}

unsigned int nr_places(const struct fixture *f)
{
	unsigned int nr = 0;

	for (unsigned int i = 1; i < f->nr_cgroups; i++)
		nr += place_phase(f->cgroups[i].state) != PLACE_FREE;
	return nr;
}

struct pai_cgroup *find_cgroup(const struct fixture *f, const char *path)
{
	for (unsigned int i = 1; i < f->nr_cgroups; i++)
		if (place_phase(f->cgroups[i].state) == PLACE_OPEN &&
		    !strcmp(f->cgroups[i].path, path))
			return &f->cgroups[i];
	fail_msg("%s has no place", path);
	return NULL;
}

bool read_task(const struct fixture *f, uint32_t tgid, struct pai_task *ret_task)
{
	struct pai_task_id id = {}, *last = NULL;

	while (!bpf_map_get_next_key(bpf_map__fd(f->bpf->maps.pai_tasks), last, &id)) {
		if (id.tgid == tgid &&
		    !bpf_map_lookup_elem(bpf_map__fd(f->bpf->maps.pai_tasks), &id, ret_task))
			return true;
		last = &id;
	}
	return false;
}

uint64_t all_tasks(const struct fixture *f, unsigned int *ret_nr)
{
	struct pai_task_id id = {}, *last = NULL;
	struct pai_task task;
	uint64_t events = 0;

	*ret_nr = 0;
	while (!bpf_map_get_next_key(bpf_map__fd(f->bpf->maps.pai_tasks), last, &id)) {
		assert_int_equal(
			bpf_map_lookup_elem(bpf_map__fd(f->bpf->maps.pai_tasks), &id, &task), 0);
		events += sum(task.counters);
		++*ret_nr;
		last = &id;
	}
	return events;
}

void assert_malformed(struct fixture *f, uint64_t malformed)
{
	unsigned int nr;

	assert_int_equal(TOTAL(f, malformed), malformed);
	assert_int_equal(TOTAL(f, samples), 0);
	assert_int_equal(TOTAL(f, events), 0);
	for (int i = 0; i < NR_CPUS; i++)
		assert_int_equal(sum(f->cpus[i].counters), 0);
	assert_int_equal(all_cgroups(f), 0);
	assert_int_equal(nr_places(f), 0);
	assert_int_equal(all_tasks(f, &nr), 0);
	assert_int_equal(nr, 0);
}

int enter_cgroup(const char *cgroup)
{
	char procs[PATH_MAX];
	int fd, r;

	snprintf(procs, sizeof(procs), "%s/cgroup.procs", cgroup);
	fd = open(procs, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return 1;
	r = write(fd, "0", 1) != 1;
	close(fd);
	return r;
}

void in_child(struct fixture *f, const char *cgroup, int (*does)(struct fixture *f))
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid)
		_exit(cgroup && enter_cgroup(cgroup) ? 100 : does(f));
	assert_int_equal(wait_for(pid), 0);
}

const char *make_cgroup(const char *name)
{
	static char path[PATH_MAX];

	if (mkdir(tree, 0700) < 0)
		assert_int_equal(errno, EEXIST);
	snprintf(path, sizeof(path), "%s/%s", tree, name);
	assert_return_code(mkdir(path, 0700), errno);
	return path;
}

const char *below_root(const char *folder)
{
	return folder + mount_len;
}

int take_one(struct fixture *f)
{
	return sample_on(f, -1, 1);
}

int take_hundred(struct fixture *f)
{
	for (int i = 0; i < 100; i++)
		if (sample_on(f, -1, 1))
			return 1;
	return 0;
}

/* Threads, one a CPU, that begin each round at once. */
struct racer {
	struct fixture *f;
	int cpu;
	int rounds;
	int (*does)(struct fixture *f);
	void (*prepares)(struct fixture *f, int round); /* by the first one */
	int *arrived;
	int failed;
};

/* Both wait awake, to go on at once; not for long, since an emulator may run one CPU at a time. */
static void meet(struct racer *r, int times)
{
	__atomic_fetch_add(r->arrived, 1, __ATOMIC_SEQ_CST);
	for (int i = 0; __atomic_load_n(r->arrived, __ATOMIC_SEQ_CST) < 2 * times; i++)
		if (i > 10000)
			usleep(1);
}

static void *race(void *data)
{
	struct racer *r = data;

	pin_to(r->cpu);
	for (int i = 0; i < r->rounds; i++) {
		if (r->prepares && r->cpu == 0)
			r->prepares(r->f, i);
		meet(r, 2 * i + 1);
		r->failed |= r->does(r->f);
		meet(r, 2 * i + 2);
	}
	return NULL;
}

int repeated(int rounds)
{
	return getenv("PAIMON_SHORT") ? rounds / 20 : rounds;
}

int run_race(struct fixture *f, int rounds, int (*does)(struct fixture *f),
	     void (*prepares)(struct fixture *f, int round))
{
	struct racer racers[2];
	pthread_t threads[2];
	int arrived = 0;

	for (int i = 0; i < 2; i++) {
		racers[i] = (struct racer){f, i, rounds, does, prepares, &arrived, 0};
		if (pthread_create(&threads[i], NULL, race, &racers[i]))
			return 1;
	}
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	return racers[0].failed | racers[1].failed;
}

int play(struct fixture *f)
{
	return run_on(f->bpf->progs.pai_play, -1, 0, 0);
}

/* The folder of cgroup v2, or one of our own that nobody else sees. */
static int find_cgroups(void)
{
	char line[1024], root[256], folder[128], *rest;
	FILE *mounts = fopen("/proc/self/mountinfo", "re");

	while (mounts && fgets(line, sizeof(line), mounts)) {
		rest = strstr(line, " - cgroup2 ");
		if (rest && sscanf(line, "%*s %*s %*s %255s %127s", root, folder) == 2 &&
		    strcmp(root, "/") == 0)
			break;
		rest = NULL;
	}
	if (mounts)
		fclose(mounts);
	if (!mounts || !rest) {
		strcpy(folder, "/tmp");
		if (own_mounts() < 0 || mount("none", folder, "cgroup2", 0, NULL) < 0)
			return -1;
	}
	mount_len = strlen(folder);
	snprintf(tree, sizeof(tree), "%s/paimon-test-%d", folder, getpid());
	return 0;
}

int find_what_is_needed(void)
{
	if (geteuid() != 0) {
		puts("needs root, to load BPF programs and to make cgroups");
		return 77;
	}
	if (find_cgroups() < 0) {
		perror("no cgroup2 is mounted, nor can be");
		return 1;
	}
	return 0;
}
