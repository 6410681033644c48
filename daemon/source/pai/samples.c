// SPDX-License-Identifier: GPL-2.0
/*
 * Samples of pai_ext: loads and attaches the programs of bpf/pai.bpf.c.
 *
 * The maps are pinned, pai_state last. The links (one to the tracepoint, or one to the sampling
 * event of each CPU) are stored for the next daemon (pins_keep()), and their dispatchers are
 * pinned beside the maps. The next daemon links further CPUs to the same dispatchers, and puts
 * its own programs behind them.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../process/fdstore.h"
#include "../../util/cleanup.h"
#include "../../util/log.h"
#include "../cgroup_root.h"
#include "../load.h"
#include "../map_memory.h"
#include "../places.h"
#include "../source.h"
#include "pai_source.h"

#define LINK "pai-sample" /* to the tracepoint */
#define TRACEPOINT_PROGRAM "pai-sample-program"
#define OVERFLOW_PROGRAM "pai-overflow-program"
#define NR_MAPS 10

static struct pins pai_pins(struct source *source)
{
	return (struct pins){source, "pai", PAI_LAYOUT};
}

static void list_maps(const struct pai_bpf *bpf, struct bpf_map *ret_maps[NR_MAPS])
{
	ret_maps[0] = bpf->maps.pai_cpus;
	ret_maps[1] = bpf->maps.pai_cgroups;
	ret_maps[2] = bpf->maps.pai_departed;
	ret_maps[3] = bpf->maps.pai_cgroup_paths;
	ret_maps[4] = bpf->maps.pai_cgroup_index;
	ret_maps[5] = bpf->maps.pai_wake;
	ret_maps[6] = bpf->maps.pai_tasks;
	ret_maps[7] = bpf->maps.pai_programs;
	ret_maps[8] = bpf->maps.pai_overflow_programs;
	ret_maps[9] = bpf->maps.pai_state;
}

static bool is_sized(const struct bpf_map *map)
{
	const char *name = bpf_map__name(map);

	return !strcmp(name, "pai_cpus") || !strcmp(name, "pai_cgroups") ||
	       !strcmp(name, "pai_departed") || !strcmp(name, "pai_cgroup_paths");
}

/* Checks that the sizes of the pinned maps match each other and this machine. */
static int check_sizes(struct source *source, struct pai_samples *samples)
{
	uint32_t nr = bpf_map__max_entries(samples->bpf->maps.pai_cgroups);
	const struct pins pins = pai_pins(source);

	if (bpf_map__max_entries(samples->bpf->maps.pai_cpus) != samples->nr_cpus ||
	    bpf_map__max_entries(samples->bpf->maps.pai_departed) != nr ||
	    bpf_map__max_entries(samples->bpf->maps.pai_cgroup_paths) != nr - 1)
		return source_fail(
			source, -EEXIST,
			"the sizes of the pinned maps of pai do not match each other, or this machine (" PINS_PURGE
			")",
			PINS_PURGE_OF(&pins));
	if (nr - 1 != source->config->pai_max_cgroups)
		log_warning(
			"pai: max_cgroups stays %u, the size of the pinned maps (to change it " PINS_PURGE
			")",
			nr - 1, PINS_PURGE_OF(&pins));
	samples->max_cgroups = nr - 1;
	return 0;
}

/* After PINS_DATA: drops all links to dispatchers, so that they are not adopted, and replaces
 * the program arrays. */
static int put_arrays(struct source *source, const struct pai_samples *samples,
		      struct bpf_map *const *maps)
{
	const struct pins pins = pai_pins(source);

	pai_samples_end_left(source, samples->nr_cpus);
	pins_remove(&pins, TRACEPOINT_PROGRAM);
	pins_remove(&pins, OVERFLOW_PROGRAM);
	fdstore_sync();
	return pins_put_arrays(&pins, maps, NR_MAPS);
}

/* The dispatcher that is pinned by this name; if there is none, pins our own. Returns a
 * descriptor owned by the caller, or a negative errno. */
static int find_dispatcher(struct source *source, const struct pai_samples *samples,
			   const struct bpf_program *own, const char *name)
{
	const struct pins pins = pai_pins(source);
	_cleanup_free_ char *path = pins_path(&pins, name);
	int fd = path && samples->adopts ? bpf_obj_get(path) : -1, r;

	if (fd >= 0)
		return fd;
	if (!path)
		return -ENOMEM;
	if (!source->replay)
		pins_remove(&pins, name);
	r = source->replay ? 0 : bpf_obj_pin(bpf_program__fd(own), path);
	if (r < 0)
		return source_fail(source, r, "cannot pin %s: %s", path, strerror(-r));
	fd = fcntl(bpf_program__fd(own), F_DUPFD_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}

static int find_dispatchers(struct source *source, struct pai_samples *samples)
{
	const struct pai_bpf *bpf = samples->bpf;

	samples->tracepoint = find_dispatcher(source, samples, bpf->progs.paimon_pai_sample,
					      TRACEPOINT_PROGRAM);
	if (samples->tracepoint < 0)
		return samples->tracepoint;
	samples->overflow = find_dispatcher(source, samples, bpf->progs.paimon_pai_overflow,
					    OVERFLOW_PROGRAM);
	return samples->overflow < 0 ? samples->overflow : 0;
}

/* What nobody calls is not loaded: the kernel verifies programs for a long time. */
static void choose_programs(const struct source *source, const struct pai_samples *samples)
{
	const struct pai_bpf *bpf = samples->bpf;
	struct bpf_program *const of_samples[] = {bpf->progs.pai_sample, bpf->progs.pai_overflow,
						  bpf->progs.paimon_pai_sample,
						  bpf->progs.paimon_pai_overflow};

	for (size_t i = 0; i < sizeof(of_samples) / sizeof(of_samples[0]); i++)
		bpf_program__set_autoload(of_samples[i], samples->by != PAI_BY_NOTHING);
	bpf_program__set_autoload(bpf->progs.pai_play, source->replay);
}

static int load(struct source *source, struct pai_samples *samples)
{
	/* Without this, libbpf also reads the BTF of modules, which requires CAP_SYS_ADMIN and
	 * is not needed. */
	LIBBPF_OPTS(bpf_object_open_opts, options, .btf_custom_path = "/sys/kernel/btf/vmlinux");
	const struct pins pins = pai_pins(source);
	struct bpf_map *maps[NR_MAPS];
	int reused = PINS_NONE, r;

	r = load_begin(source);
	if (r < 0)
		return r;
	samples->bpf = pai_bpf__open_opts(&options);
	if (!samples->bpf)
		return source_fail(source, -errno, "cannot open the BPF object: %m");
	list_maps(samples->bpf, maps);
	if (!source->replay) {
		reused = pins_open(&pins) ?: pins_reuse(&pins, maps, NR_MAPS, is_sized);
		r = reused > PINS_NONE ? check_sizes(source, samples) : reused;
		if (r < 0)
			return r;
	}
	samples->adopts = reused == PINS_ALL;
	if (reused == PINS_NONE) {
		bpf_map__set_max_entries(samples->bpf->maps.pai_cpus, samples->nr_cpus);
		bpf_map__set_max_entries(samples->bpf->maps.pai_cgroups, samples->max_cgroups + 1);
		bpf_map__set_max_entries(samples->bpf->maps.pai_departed, samples->max_cgroups + 1);
		bpf_map__set_max_entries(samples->bpf->maps.pai_cgroup_paths, samples->max_cgroups);
	}
	choose_programs(source, samples);
	r = pai_bpf__load(samples->bpf);
	if (r < 0)
		return load_failed(source, r);
	samples->cpus = map_memory(samples->bpf->maps.pai_cpus);
	samples->cgroups = map_memory(samples->bpf->maps.pai_cgroups);
	samples->departed = map_memory(samples->bpf->maps.pai_departed);
	samples->state = map_memory(samples->bpf->maps.pai_state);
	samples->made_up = source->replay ? map_memory(samples->bpf->maps.pai_made_up) : NULL;
	if (!samples->cpus || !samples->cgroups || !samples->departed || !samples->state ||
	    (source->replay && !samples->made_up))
		return source_fail(source, -errno, "cannot map the BPF maps: %m");
	r = source->replay	  ? 0
	    : reused == PINS_NONE ? pins_put(&pins, maps, NR_MAPS)
	    : reused == PINS_DATA ? put_arrays(source, samples, maps)
				  : 0;
	return r || samples->by == PAI_BY_NOTHING ? r : find_dispatchers(source, samples);
}

/* Adds the element for processes beyond the maximum. It can only fail for lack of memory. */
static int add_other(const struct pai_samples *samples)
{
	const struct pai_task_id other = {.tgid = PAI_OTHER_TGID};
	const struct pai_task none = {};
	int r = bpf_map_update_elem(bpf_map__fd(samples->bpf->maps.pai_tasks), &other, &none,
				    BPF_NOEXIST);

	return r == -EEXIST ? 0 : r;
}

static int ignore_wake(void *context, void *data, size_t size)
{
	return 0;
}

/* Prepares to notice removed cgroups, and to be woken when few places are free. */
static int watch_places(struct source *source, struct pai_samples *samples)
{
	if (source->replay)
		return 0;
	samples->absent = calloc(samples->max_cgroups + 1, sizeof(*samples->absent));
	samples->wake = ring_buffer__new(bpf_map__fd(samples->bpf->maps.pai_wake), ignore_wake,
					 NULL, NULL);
	if (!samples->absent || !samples->wake)
		return source_fail(source, -ENOMEM, "cannot watch for removed cgroups: %m");
	/* The previous daemon may have died before it announced free places. */
	places_free(&samples->cgroups[0].state);
	samples->cgroup_root = cgroup_root_open();
	if (samples->cgroup_root < 0)
		log_warning(
			"pai: the root of cgroup v2 is not at /sys/fs/cgroup or /sys/fs/cgroup/unified, so removed cgroups keep their places, and max_cgroups limits the number of all that ever existed (in a container, mount that of the host there)");
	return 0;
}

/* Puts this daemon's programs behind the dispatchers. */
static int set_programs(struct source *source, const struct pai_samples *samples)
{
	const struct pai_bpf *bpf = samples->bpf;
	int sample = bpf_program__fd(bpf->progs.pai_sample);
	int overflow = bpf_program__fd(bpf->progs.pai_overflow);
	uint32_t index = PAI_SAMPLE;
	int r = bpf_map_update_elem(bpf_map__fd(bpf->maps.pai_programs), &index, &sample, 0);

	if (!r)
		r = bpf_map_update_elem(bpf_map__fd(bpf->maps.pai_overflow_programs), &index,
					&overflow, 0);
	return r < 0 ? source_fail(source, r, "cannot set the programs of the dispatchers: %s",
				   strerror(-r))
		     : 0;
}

/* Links */

static void link_name(uint32_t cpu, char ret_name[32])
{
	snprintf(ret_name, 32, "pai-overflow-%u", cpu);
}

/* Is the stored object of this name a link of this dispatcher? If so, it stays stored. */
static bool is_kept(struct source *source, const struct pai_samples *samples, const char *name,
		    int dispatcher)
{
	const struct pins pins = pai_pins(source);
	_cleanup_close_ int fd = samples->adopts ? pins_take(&pins, name) : -1;

	return fd >= 0 && pins_is_link_of(fd, dispatcher);
}

/* Stores a link for the next daemon. Takes ownership of fd. */
static int keep_link(struct source *source, const char *name, int fd)
{
	const struct pins pins = pai_pins(source);
	int r = fd;

	if (fd >= 0) {
		pins_drop(&pins, name);
		r = pins_keep(&pins, name, fd);
		close(fd);
	}
	return r;
}

bool pai_samples_linked(struct source *source, struct pai_samples *samples, uint32_t cpu)
{
	char name[32];

	link_name(cpu, name);
	return is_kept(source, samples, name, samples->overflow);
}

int pai_samples_link(struct source *source, struct pai_samples *samples, uint32_t cpu, int fd)
{
	char name[32];

	if (samples->by != PAI_BY_PERF_EVENT)
		return 0;
	link_name(cpu, name);
	return keep_link(source, name,
			 bpf_link_create(samples->overflow, fd, BPF_PERF_EVENT, NULL));
}

void pai_samples_unlink(struct source *source, uint32_t cpu)
{
	const struct pins pins = pai_pins(source);
	char name[32];

	link_name(cpu, name);
	pins_drop(&pins, name);
}

void pai_samples_end_left(struct source *source, uint32_t nr_cpus)
{
	const struct pins pins = pai_pins(source);

	for (uint32_t cpu = 0; cpu < nr_cpus; cpu++)
		pai_samples_unlink(source, cpu);
	pins_drop(&pins, LINK);
}

/* Attaches to the tracepoint if samples come from there, and drops all links that are not used
 * any more. */
static int hear(struct source *source, struct pai_samples *samples)
{
	const struct pins pins = pai_pins(source);
	int r;

	for (uint32_t cpu = 0; samples->by != PAI_BY_PERF_EVENT && cpu < samples->nr_cpus; cpu++)
		pai_samples_unlink(source, cpu);
	if (samples->by == PAI_BY_TRACEPOINT && is_kept(source, samples, LINK, samples->tracepoint))
		return 0;
	pins_drop(&pins, LINK);
	/* Wait until they are detached: links that are attached next would count the same
	 * samples. */
	fdstore_sync();
	if (samples->by != PAI_BY_TRACEPOINT)
		return 0;
	r = keep_link(source, LINK,
		      bpf_raw_tracepoint_open("paimon_pai_sample", samples->tracepoint));
	return r < 0 ? source_fail(source, r, "cannot attach to paimon_pai_sample: %s",
				   strerror(-r))
		     : 0;
}

int pai_samples_new(struct source *source, uint32_t nr_cpus, uint32_t max_number,
		    enum pai_samples_by by, struct pai_samples **ret_samples)
{
	struct pai_samples *samples = calloc(1, sizeof(*samples));
	int r;

	if (!samples)
		return -ENOMEM;
	samples->nr_cpus = nr_cpus;
	samples->max_cgroups = source->config->pai_max_cgroups;
	samples->by = by;
	samples->tracepoint = samples->overflow = -1;
	samples->cgroup_root = -ENOENT;
	r = load(source, samples);
	if (!r)
		samples->state->max_number = max_number < PAI_COUNTERS ? max_number
								       : PAI_COUNTERS - 1;
	r = r ?: add_other(samples);
	r = r ?: watch_places(source, samples);
	if (!r && by != PAI_BY_NOTHING)
		r = set_programs(source, samples);
	if (!r && !source->replay)
		r = hear(source, samples);
	if (r < 0) {
		pai_samples_free(source, samples, true);
		return r;
	}
	*ret_samples = samples;
	return 0;
}

struct pai_samples *pai_samples_free(struct source *source, struct pai_samples *samples, bool keep)
{
	const struct pins pins = pai_pins(source);

	if (!samples)
		return NULL;
	if (!keep && !source->replay)
		pins_drop(&pins, LINK);
	if (samples->bpf) {
		unmap_memory(samples->bpf->maps.pai_cpus, samples->cpus);
		unmap_memory(samples->bpf->maps.pai_cgroups, samples->cgroups);
		unmap_memory(samples->bpf->maps.pai_departed, samples->departed);
		unmap_memory(samples->bpf->maps.pai_state, samples->state);
		unmap_memory(samples->bpf->maps.pai_made_up, samples->made_up);
	}
	if (samples->tracepoint >= 0)
		close(samples->tracepoint);
	if (samples->overflow >= 0)
		close(samples->overflow);
	ring_buffer__free(samples->wake);
	if (samples->cgroup_root >= 0)
		close(samples->cgroup_root);
	pai_bpf__destroy(samples->bpf);
	free(samples->absent);
	free(samples);
	return NULL;
}

int pai_source_play(struct source *source, const struct pai_made_up *sample, uint32_t cpu)
{
	const struct pai *pai = source->data;
	LIBBPF_OPTS(bpf_test_run_opts, options, .flags = BPF_F_TEST_RUN_ON_CPU, .cpu = cpu);

	*pai->samples->made_up = *sample;
	return bpf_prog_test_run_opts(bpf_program__fd(pai->samples->bpf->progs.pai_play), &options);
}
