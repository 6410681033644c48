// SPDX-License-Identifier: GPL-2.0
/* Loads and attaches the programs of bpf/switch.bpf.c, and sets what they read. */
#include "attribution.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../process/fdstore.h"
#include "../util/cleanup.h"
#include "../util/cpulist.h"
#include "../util/log.h"
#include "../util/namespaces.h"
#include "accounts.h"
#include "load.h"
#include "map_memory.h"
#include "source.h"
#include "windows.h"

#define NR_MAPS 11

/* In the order in which they are pinned. */
static void list_maps(const struct switch_bpf *bpf, struct bpf_map *ret_maps[NR_MAPS])
{
	ret_maps[0] = bpf->maps.switch_cpus;
	ret_maps[1] = bpf->maps.switch_lasts;
	ret_maps[2] = bpf->maps.switch_accounts;
	ret_maps[3] = bpf->maps.switch_paths;
	ret_maps[4] = bpf->maps.switch_cells;
	ret_maps[5] = bpf->maps.switch_free;
	ret_maps[6] = bpf->maps.switch_names;
	ret_maps[7] = bpf->maps.switch_ids;
	ret_maps[8] = bpf->maps.switch_procs;
	ret_maps[9] = bpf->maps.switch_scratch;
	ret_maps[10] = bpf->maps.switch_state;
}

static bool is_sized(const struct bpf_map *map)
{
	return strcmp(bpf_map__name(map), "switch_state") &&
	       strcmp(bpf_map__name(map), "switch_scratch");
}

static void make_ranges(const struct attribution_options *options,
			struct switch_range ranges[SWITCH_NR_KINDS])
{
	const uint32_t nr[SWITCH_NR_KINDS] = {options->nr_cgroups, options->nr_processes,
					      options->nr_cells, options->nr_process_cells};
	const uint32_t first[SWITCH_NR_KINDS] = {1, 1 + nr[SWITCH_CGROUPS], SWITCH_COLUMNS,
						 SWITCH_COLUMNS + nr[SWITCH_CGROUP_CELLS]};
	uint32_t word = 0;

	for (int kind = 0; kind < SWITCH_NR_KINDS; kind++) {
		ranges[kind] = (struct switch_range){
			.first = first[kind],
			.nr = nr[kind],
			.word = word,
			.nr_words = (nr[kind] + 63) / 64,
		};
		word += ranges[kind].nr_words;
	}
}

/* The number of elements of a map, by index of list_maps(). */
static uint32_t entries_of(int map, const struct switch_range *ranges, uint32_t nr_cpus,
			   uint32_t nr_slots)
{
	const struct switch_range *last = &ranges[SWITCH_NR_KINDS - 1];
	uint32_t nr_cgroups = ranges[SWITCH_CGROUPS].nr, nr_processes = ranges[SWITCH_PROCESSES].nr;

	switch (map) {
	case 0:
		return nr_cpus;
	case 1:
		return nr_slots;
	case 2:
		return nr_cgroups + nr_processes + 2;
	case 3:
		return nr_cgroups + 1;
	case 4:
		return last->first + last->nr;
	case 5:
		return last->word + last->nr_words;
	case 6:
		return nr_cgroups;
	case 7:
		return 2 * nr_cgroups + 256;
	case 8:
		return nr_processes;
	default:
		return 1;
	}
}

uint64_t attribution_map_bytes(const struct attribution_options *options, uint32_t nr_cpus,
			       uint32_t nr_slots)
{
	static const size_t sizes[NR_MAPS] = {
		sizeof(struct switch_cpu),
		sizeof(struct switch_last),
		sizeof(struct switch_account),
		CGROUP_PATH,
		sizeof(struct switch_cell),
		sizeof(uint64_t),
		MAP_HASH_BYTES + CGROUP_PATH + sizeof(uint64_t),
		MAP_HASH_BYTES + sizeof(uint64_t) + sizeof(struct switch_known),
		MAP_HASH_BYTES + sizeof(struct switch_process) + sizeof(uint64_t),
		0,
		sizeof(struct switch_state),
	};
	struct switch_range ranges[SWITCH_NR_KINDS];
	uint64_t bytes = 0;

	make_ranges(options, ranges);
	for (int i = 0; i < NR_MAPS; i++)
		bytes += (uint64_t)entries_of(i, ranges, nr_cpus, nr_slots) * sizes[i];
	return bytes;
}

/* The ranges of the pinned maps, if those are for this machine and this reader. */
static int read_ranges(const struct attribution *attribution, struct bpf_map *const maps[NR_MAPS],
		       struct switch_range ranges[SWITCH_NR_KINDS])
{
	struct switch_state state;
	uint32_t zero = 0;
	int r = bpf_map_lookup_elem(bpf_map__fd(maps[NR_MAPS - 1]), &zero, &state);

	if (!r)
		make_ranges(
			&(struct attribution_options){
				.nr_cgroups = state.ranges[SWITCH_CGROUPS].nr,
				.nr_processes = state.ranges[SWITCH_PROCESSES].nr,
				.nr_cells = state.ranges[SWITCH_CGROUP_CELLS].nr,
				.nr_process_cells = state.ranges[SWITCH_PROCESS_CELLS].nr,
			},
			ranges);
	if (!r && memcmp(ranges, state.ranges, sizeof(state.ranges)))
		r = -EEXIST;
	for (int i = 0; i < NR_MAPS && !r; i++)
		if (bpf_map__max_entries(maps[i]) !=
		    entries_of(i, ranges, attribution->nr_cpus, attribution->reader->nr_slots))
			r = -EEXIST;
	if (!r)
		return 0;
	return source_fail(attribution->pins.source, -EEXIST,
			   "the pinned maps of %s are of another machine or size (" PINS_PURGE ")",
			   attribution->pins.name, PINS_PURGE_OF(&attribution->pins));
}

static int load(struct attribution *attribution, const struct attribution_options *options)
{
	/* Without this, libbpf also reads the BTF of modules, which requires CAP_SYS_ADMIN and
	 * is not needed. */
	LIBBPF_OPTS(bpf_object_open_opts, open_options,
		    .btf_custom_path = "/sys/kernel/btf/vmlinux");
	struct source *source = attribution->pins.source;
	struct switch_range ranges[SWITCH_NR_KINDS];
	struct bpf_map *maps[NR_MAPS];
	int r;

	r = load_begin(source);
	if (r < 0)
		return r;
	if (load_is_locked_down())
		return load_failed(source, -EPERM);
	attribution->bpf = switch_bpf__open_opts(&open_options);
	if (!attribution->bpf)
		return source_fail(source, -errno, "cannot open the BPF object: %m");
	list_maps(attribution->bpf, maps);
	make_ranges(options, ranges);
	r = pins_open(&attribution->pins)
		    ?: pins_reuse(&attribution->pins, maps, NR_MAPS, is_sized);
	if (r > 0)
		r = read_ranges(attribution, maps, ranges) ?: r;
	if (r < 0)
		return r;
	attribution->reused = r;
	for (int i = 0; i < NR_MAPS && !attribution->reused; i++)
		bpf_map__set_max_entries(maps[i], entries_of(i, ranges, attribution->nr_cpus,
							     attribution->reader->nr_slots));
	memcpy((void *)attribution->bpf->rodata->ranges, ranges, sizeof(ranges));
	attribution->bpf->rodata->folds = options->folds;
	attribution->bpf->rodata->values_only = options->values_only;
	r = bpf_map__reuse_fd(attribution->bpf->maps.events_array,
			      bpf_map__fd(attribution->reader->bpf->maps.events_array));
	r = r ?: switch_bpf__load(attribution->bpf);
	if (r < 0)
		return load_failed(source, r);
	for (int i = 0; i < NR_MAPS; i++)
		snprintf(attribution->names[i], sizeof(*attribution->names), "%.*s_%s",
			 (int)strcspn(attribution->link, "-"), attribution->link,
			 bpf_map__name(maps[i]));
	attribution->nr_accounts = bpf_map__max_entries(maps[2]);
	attribution->nr_cells = bpf_map__max_entries(maps[4]);
	attribution->cpus = map_memory(maps[0]);
	attribution->lasts = map_memory(maps[1]);
	attribution->accounts = map_memory(maps[2]);
	attribution->paths = map_memory(maps[3]);
	attribution->cells = map_memory(maps[4]);
	attribution->free = map_memory(maps[5]);
	attribution->state = map_memory(maps[10]);
	if (!attribution->cpus || !attribution->lasts || !attribution->accounts ||
	    !attribution->paths || !attribution->cells || !attribution->free || !attribution->state)
		return source_fail(source, -errno, "cannot map the BPF maps: %m");
	memcpy(attribution->state->ranges, ranges, sizeof(ranges));
	r = accounts_recover(attribution);
	if (r < 0)
		return source_fail(source, r, "cannot take over who used what: %s", strerror(-r));
	return attribution->reused ? 0 : pins_put(&attribution->pins, maps, NR_MAPS);
}

/* Do the entries charge processes as they would in this PID namespace? */
static bool fits_namespace(const struct attribution *attribution)
{
	const struct switch_column *columns = attribution->state->columns;

	for (uint32_t cpu = 0; cpu < attribution->nr_cpus; cpu++)
		for (uint32_t column = 0; column < SWITCH_COLUMNS; column++) {
			uint64_t entry = attribution->cpus[cpu].entries[column];

			if (entry && columns[column].by_process &&
			    !!(entry & SWITCH_PROCESS) != namespaces_pid_is_initial())
				return false;
		}
	return true;
}

/* Without a program that runs, perf events have counted unattributed, or are others by now. */
static void take_over(struct attribution *attribution)
{
	_cleanup_close_ int fd = -1;

	if (!fits_namespace(attribution))
		pins_drop(&attribution->pins, attribution->link);
	else if (attribution->reused)
		fd = pins_take(&attribution->pins, attribution->link);
	attribution->kept = fd >= 0;
	for (uint32_t cpu = 0; cpu < attribution->nr_cpus && !attribution->kept; cpu++) {
		struct switch_cpu *c = &attribution->cpus[cpu];

		memset(c->entries, 0, sizeof(c->entries));
		c->nr = c->flags = 0;
	}
}

int attribution_new(struct source *source, const struct pins *pins, const char *link,
		    const struct attribution_options *options, struct reader *reader,
		    struct attribution **ret_attribution)
{
	struct attribution *attribution = calloc(1, sizeof(*attribution));
	int r;

	if (!attribution)
		return -ENOMEM;
	attribution->pins = *pins;
	attribution->link = link;
	attribution->reader = reader;
	attribution->cgroup_root = -ENOENT;
	r = cpulist_count_possible(&attribution->nr_cpus);
	r = r ?: load(attribution, options);
	if (!r)
		take_over(attribution);
	if (r < 0) {
		attribution_free(attribution, true);
		return r;
	}
	*ret_attribution = attribution;
	return 0;
}

struct attribution *attribution_free(struct attribution *attribution, bool keep)
{
	if (!attribution)
		return NULL;
	if (!keep)
		attribution_stop(attribution);
	accounts_free(attribution);
	if (attribution->bpf) {
		unmap_memory(attribution->bpf->maps.switch_cpus, attribution->cpus);
		unmap_memory(attribution->bpf->maps.switch_lasts, attribution->lasts);
		unmap_memory(attribution->bpf->maps.switch_accounts, attribution->accounts);
		unmap_memory(attribution->bpf->maps.switch_paths, attribution->paths);
		unmap_memory(attribution->bpf->maps.switch_cells, attribution->cells);
		unmap_memory(attribution->bpf->maps.switch_free, attribution->free);
		unmap_memory(attribution->bpf->maps.switch_state, attribution->state);
	}
	switch_bpf__destroy(attribution->bpf);
	free(attribution);
	return NULL;
}

/* Attaching */

int attribution_start(struct source *source, struct attribution *attribution)
{
	_cleanup_close_ int fd = -1;
	int r;

	if (attribution->running)
		return 0;
	fd = bpf_raw_tracepoint_open(NULL, bpf_program__fd(attribution->bpf->progs.switch_out));
	if (fd < 0)
		return source_fail(source, fd, "cannot attach to sched_switch: %s", strerror(-fd));
	pins_drop(&attribution->pins, attribution->link);
	r = pins_keep(&attribution->pins, attribution->link, fd);
	if (r < 0)
		return source_fail(source, r, "cannot keep attribution for the next daemon: %s",
				   strerror(-r));
	attribution->running = true;
	windows_tend(attribution);
	return 0;
}

void attribution_stop(struct attribution *attribution)
{
	if (attribution->running)
		attribution_read(attribution);
	pins_drop(&attribution->pins, attribution->link);
	attribution->running = false;
}

/* Columns */

int attribution_find(const struct attribution *attribution, uint64_t event)
{
	for (int column = 0; event && column < SWITCH_COLUMNS; column++)
		if (attribution->state->columns[column].event == event)
			return column;
	return -ENOENT;
}

int attribution_take(struct attribution *attribution, uint64_t event, uint32_t first,
		     bool by_process)
{
	struct switch_column *columns = attribution->state->columns;

	for (uint32_t column = first; column < SWITCH_COLUMNS; column++)
		if (!columns[column].event) {
			columns[column].by_process = by_process;
			__atomic_store_n(&columns[column].event, event, __ATOMIC_RELEASE);
			return column;
		}
	return -ENOSPC;
}

void attribution_release(struct attribution *attribution, uint32_t column)
{
	for (uint32_t cpu = 0; cpu < attribution->nr_cpus; cpu++)
		attribution_clear(attribution, cpu, column);
	accounts_clear_column(attribution, column);
	__atomic_store_n(&attribution->state->columns[column].event, 0, __ATOMIC_RELEASE);
}

/* Entries */

static int run_on(struct bpf_program *program, uint32_t cpu, const uint64_t args[3])
{
	LIBBPF_OPTS(bpf_test_run_opts, options, .ctx_in = args, .ctx_size_in = 3 * sizeof(*args),
		    .flags = BPF_F_TEST_RUN_ON_CPU, .cpu = cpu);
	int r = bpf_prog_test_run_opts(bpf_program__fd(program), &options);

	return r < 0 ? r : -(int)options.retval;
}

int attribution_set(struct attribution *attribution, uint32_t cpu, uint32_t column, uint32_t slot,
		    uint64_t flags, bool begins)
{
	uint64_t args[3] = {column, flags | (slot + 1), begins};

	if (!namespaces_pid_is_initial())
		args[1] &= ~SWITCH_PROCESS;
	return run_on(attribution->bpf->progs.switch_set, cpu, args);
}

void attribution_clear(struct attribution *attribution, uint32_t cpu, uint32_t column)
{
	const uint64_t args[3] = {column};

	if (cpu >= attribution->nr_cpus || !attribution->cpus[cpu].entries[column])
		return;
	/* No program runs on an offline CPU. */
	if (run_on(attribution->bpf->progs.switch_set, cpu, args) < 0)
		__atomic_store_n(&attribution->cpus[cpu].entries[column], 0, __ATOMIC_SEQ_CST);
}

int64_t attribution_slot(const struct attribution *attribution, uint32_t cpu, uint32_t column)
{
	uint64_t entry = cpu < attribution->nr_cpus ? attribution->cpus[cpu].entries[column] : 0;

	return entry ? (int64_t)((entry & SWITCH_SLOT) - 1) : -ENOENT;
}

void attribution_reset_slot(struct attribution *attribution, uint32_t slot, uint64_t perf_id)
{
	attribution->lasts[slot] = (struct switch_last){.perf_id = perf_id};
}

void attribution_read(struct attribution *attribution)
{
	struct events_value *values = (struct events_value *)attribution->reader->values;
	const uint64_t args[3] = {};

	for (uint32_t cpu = 0; cpu < attribution->nr_cpus; cpu++) {
		const struct switch_cpu *c = &attribution->cpus[cpu];
		int r = c->nr ? run_on(attribution->bpf->progs.switch_read, cpu, args) : 0;

		for (uint32_t column = 0; column < SWITCH_COLUMNS && c->nr; column++) {
			int64_t slot = attribution_slot(attribution, cpu, column);

			if (slot < 0 || slot >= attribution->reader->nr_slots)
				continue;
			values[slot].reading = attribution->lasts[slot].reading;
			values[slot].error = r ?: attribution->lasts[slot].error;
		}
	}
}

void attribution_objects(const struct attribution *attribution, struct source_objects *objects)
{
	struct bpf_map *maps[NR_MAPS];

	list_maps(attribution->bpf, maps);
	source_add_program(objects, attribution->link,
			   bpf_program__fd(attribution->bpf->progs.switch_out));
	for (int i = 0; i < NR_MAPS; i++)
		source_add_map(objects, attribution->names[i], bpf_map__fd(maps[i]));
}

struct events_reading attribution_total(const struct attribution *attribution, uint32_t column)
{
	struct events_reading total = attribution->cells[column].sum;

	for (uint32_t i = 1; i < attribution->nr_accounts; i++) {
		uint32_t cell = attribution->accounts[i].cells[column];

		if (cell && cell < attribution->nr_cells)
			total = reader_sum(total, &attribution->cells[cell].sum);
	}
	return total;
}

/* Programs may add to the same word. */
static void add(__u64 *word, uint64_t value)
{
	__atomic_fetch_add(word, value, __ATOMIC_RELAXED);
}

void attribution_reconcile(struct attribution *attribution, uint32_t column,
			   const struct events_reading *total)
{
	struct events_reading *others = &attribution->cells[column].sum;
	struct events_reading have = attribution_total(attribution, column);

	if (total->value > have.value)
		add(&others->value, total->value - have.value);
	if (total->enabled > have.enabled)
		add(&others->enabled, total->enabled - have.enabled);
	if (total->running > have.running)
		add(&others->running, total->running - have.running);
}
