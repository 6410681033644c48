// SPDX-License-Identifier: GPL-2.0
#include "reader.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <glob.h>
#include <linux/perf_event.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../util/cleanup.h"
#include "../util/event_spec.h"
#include "../util/log.h"
#include "load.h"
#include "map_memory.h"
#include "perf_open.h"
#include "source.h"

#define NR_MAPS 6

/* The maps in the order in which they are pinned: events_state is last. */
static void list_maps(const struct events_bpf *bpf, struct bpf_map *ret_maps[NR_MAPS])
{
	ret_maps[0] = bpf->maps.events_array;
	ret_maps[1] = bpf->maps.events_values;
	ret_maps[2] = bpf->maps.events_order;
	ret_maps[3] = bpf->maps.events_slots;
	ret_maps[4] = bpf->maps.events_list;
	ret_maps[5] = bpf->maps.events_state;
}

static bool is_sized(const struct bpf_map *map)
{
	return strcmp(bpf_map__name(map), "events_state");
}

/* Checks that the sizes of the pinned maps match, and sets those of *reader. */
static int check_sizes(const struct pins *pins, struct reader *reader)
{
	const struct events_bpf *bpf = reader->bpf;
	uint32_t nr_slots = bpf_map__max_entries(bpf->maps.events_values);

	if (bpf_map__max_entries(bpf->maps.events_array) != nr_slots ||
	    bpf_map__max_entries(bpf->maps.events_order) != nr_slots ||
	    bpf_map__max_entries(bpf->maps.events_slots) != nr_slots)
		return source_fail(pins->source, -EEXIST,
				   "the sizes of the pinned maps of %s do not match (" PINS_PURGE
				   ")",
				   pins->name, PINS_PURGE_OF(pins));
	reader->nr_slots = nr_slots;
	reader->nr_events = bpf_map__max_entries(bpf->maps.events_list);
	return 0;
}

/* Adopts the array that an earlier daemon kept, if it matches the pinned maps. */
static void adopt(struct reader *reader, const struct pins *pins, const char *name)
{
	struct bpf_map *map = reader->bpf->maps.events_array;
	uint32_t nr_slots = bpf_map__max_entries(reader->bpf->maps.events_values);
	_cleanup_close_ int fd = pins_take(pins, name);
	struct bpf_map_info info = {};
	__u32 size = sizeof(info);

	reader->adopted = fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &size) &&
			  info.type == BPF_MAP_TYPE_PERF_EVENT_ARRAY &&
			  info.max_entries == nr_slots && !bpf_map__reuse_fd(map, fd);
	if (!reader->adopted)
		bpf_map__set_max_entries(map, nr_slots);
}

static int load(struct source *source, struct reader *reader, const struct pins *pins,
		const char *array)
{
	/* Without this, libbpf also reads the BTF of modules, which requires CAP_SYS_ADMIN and
	 * is not needed. */
	LIBBPF_OPTS(bpf_object_open_opts, options, .btf_custom_path = "/sys/kernel/btf/vmlinux");
	struct bpf_map *maps[NR_MAPS];
	int first = array ? 1 : 0, r = 0;

	r = load_begin(source);
	if (r < 0)
		return r;
	reader->bpf = events_bpf__open_opts(&options);
	if (!reader->bpf)
		return source_fail(source, -errno, "cannot open the BPF object: %m");
	list_maps(reader->bpf, maps);
	if (pins) {
		r = pins_open(pins) ?: pins_reuse(pins, maps + first, NR_MAPS - first, is_sized);
		if (r > 0 && array)
			adopt(reader, pins, array);
		if (r > 0)
			r = check_sizes(pins, reader) ?: 1;
		if (r < 0)
			return r;
	}
	reader->reused = r;
	for (int i = 0; i < NR_MAPS && !reader->reused; i++)
		if (is_sized(maps[i]))
			bpf_map__set_max_entries(maps[i], maps[i] == reader->bpf->maps.events_list
								  ? reader->nr_events
								  : reader->nr_slots);
	r = events_bpf__load(reader->bpf);
	if (r < 0)
		return load_failed(source, r);
	r = pins && !reader->reused ? pins_put(pins, maps + first, NR_MAPS - first) : 0;
	if (r || !array || reader->adopted)
		return r;
	pins_drop(pins, array);
	r = pins_keep(pins, array, bpf_map__fd(reader->bpf->maps.events_array));
	return r < 0 ? source_fail(source, r, "cannot keep perf events for the next daemon: %s",
				   strerror(-r))
		     : 0;
}

int reader_new(struct source *source, const struct pins *pins, const char *array, uint32_t nr_slots,
	       uint32_t nr_events, struct reader **ret_reader)
{
	struct reader *reader = calloc(1, sizeof(*reader));
	int r;

	if (!reader)
		return -ENOMEM;
	reader->nr_slots = nr_slots;
	reader->nr_events = nr_events;
	r = load(source, reader, pins, array);
	if (r < 0) {
		reader_free(reader);
		return r;
	}
	reader->values = map_memory(reader->bpf->maps.events_values);
	reader->order = map_memory(reader->bpf->maps.events_order);
	reader->slots = map_memory(reader->bpf->maps.events_slots);
	reader->events = map_memory(reader->bpf->maps.events_list);
	reader->state = map_memory(reader->bpf->maps.events_state);
	reader->cpus = malloc(reader->nr_slots * sizeof(*reader->cpus));
	reader->elsewhere = calloc(reader->nr_slots, sizeof(*reader->elsewhere));
	if (!reader->values || !reader->order || !reader->slots || !reader->events ||
	    !reader->state || !reader->cpus || !reader->elsewhere) {
		reader_free(reader);
		return source_fail(source, -ENOMEM, "no memory for %u slots", nr_slots);
	}
	memset(reader->cpus, -1, reader->nr_slots * sizeof(*reader->cpus));
	*ret_reader = reader;
	return 0;
}

struct reader *reader_free(struct reader *reader)
{
	if (!reader)
		return NULL;
	if (reader->bpf) {
		unmap_memory(reader->bpf->maps.events_values, reader->values);
		unmap_memory(reader->bpf->maps.events_order, reader->order);
		unmap_memory(reader->bpf->maps.events_slots, reader->slots);
		unmap_memory(reader->bpf->maps.events_list, reader->events);
		unmap_memory(reader->bpf->maps.events_state, reader->state);
		events_bpf__destroy(reader->bpf);
	}
	free(reader->cpus);
	free(reader->elsewhere);
	free(reader->parts);
	free(reader);
	return NULL;
}

int reader_put(struct reader *reader, uint32_t slot, int fd)
{
	int r = bpf_map_update_elem(bpf_map__fd(reader->bpf->maps.events_array), &slot, &fd,
				    BPF_ANY);

	return r < 0 ? -errno : 0;
}

void reader_set_cpu(struct reader *reader, uint32_t slot, int cpu)
{
	reader->cpus[slot] = cpu;
	reader->changed = true;
}

void reader_set_elsewhere(struct reader *reader, uint32_t slot, bool elsewhere)
{
	reader->elsewhere[slot] = elsewhere;
	reader->changed = true;
}

void reader_remove(struct reader *reader, uint32_t slot)
{
	bpf_map_delete_elem(bpf_map__fd(reader->bpf->maps.events_array), &slot);
	reader_set_cpu(reader, slot, -1);
}

static bool is_read(const struct reader *reader, uint32_t slot)
{
	return reader->cpus[slot] >= 0 && !reader->elsewhere[slot];
}

/* Builds the lists of slots to read, one per CPU. 0 or -ENOMEM. */
static int lay_down(struct reader *reader)
{
	struct reader_part *parts;
	uint32_t nr_parts = 0, next = 0;
	int highest = -1;

	for (uint32_t i = 0; i < reader->nr_slots; i++)
		if (reader->cpus[i] > highest)
			highest = reader->cpus[i];
	parts = calloc(highest + 2, sizeof(*parts));
	if (!parts)
		return -ENOMEM;
	for (uint32_t i = 0; i < reader->nr_slots; i++)
		if (is_read(reader, i))
			parts[reader->cpus[i]].nr++;
	for (int cpu = 0; cpu <= highest; cpu++) {
		parts[cpu].cpu = cpu;
		parts[cpu].first = next;
		next += parts[cpu].nr;
		parts[cpu].nr = 0;
	}
	for (uint32_t i = 0; i < reader->nr_slots; i++)
		if (is_read(reader, i)) {
			struct reader_part *part = &parts[reader->cpus[i]];

			reader->order[part->first + part->nr++] = i;
		}
	for (int cpu = 0; cpu <= highest; cpu++)
		if (parts[cpu].nr)
			parts[nr_parts++] = parts[cpu];
	free(reader->parts);
	reader->parts = parts;
	reader->nr_parts = nr_parts;
	reader->changed = false;
	return 0;
}

/* Reads the part of order for one CPU, with one run of the program on that CPU. */
static void read_on(struct reader *reader, int cpu, uint32_t first, uint32_t nr)
{
	struct events_value *values = (struct events_value *)reader->values;
	uint64_t args[] = {first, nr};
	LIBBPF_OPTS(bpf_test_run_opts, options, .ctx_in = args, .ctx_size_in = sizeof(args),
		    .flags = BPF_F_TEST_RUN_ON_CPU, .cpu = cpu);
	int r = bpf_prog_test_run_opts(bpf_program__fd(reader->bpf->progs.events_read), &options);

	for (uint32_t i = 0; r < 0 && i < nr; i++)
		values[reader->order[first + i]].error = r;
}

int reader_read(struct reader *reader)
{
	int r = reader->changed ? lay_down(reader) : 0;

	if (r < 0)
		return r;
	for (uint32_t i = 0; i < reader->nr_parts; i++) {
		const struct reader_part *part = &reader->parts[i];

		for (uint32_t done = 0; done < part->nr; done += EVENTS_AT_ONCE)
			read_on(reader, part->cpu, part->first + done,
				part->nr - done < EVENTS_AT_ONCE ? part->nr - done
								 : EVENTS_AT_ONCE);
	}
	return 0;
}

/* struct perf_event_attr with members of newer kernels, which the headers may not have. */
union attr {
	struct perf_event_attr attr;
	struct {
		char to_config3[128];
		__u64 config3, config4; /* Linux 6.3, and after 6.18 */
	};
};

/* The first line of a file in sysfs or procfs, or "". */
static void read_word(const char *path, char ret_word[16])
{
	FILE *file = fopen(path, "re");

	if (!file || !fgets(ret_word, 16, file))
		ret_word[0] = '\0';
	if (file)
		fclose(file);
	ret_word[strcspn(ret_word, "\n")] = '\0';
}

/* Does KVM pass the counters of CPUs to guests (mediated vPMU)? Then the kernel refuses events
 * that also count guests while such a guest runs, and refuses such a guest while they are open. */
static bool is_vpmu_mediated(void)
{
	static const char *const paths[] = {
		"/sys/module/kvm_intel/parameters/enable_mediated_pmu",
		"/sys/module/kvm_amd/parameters/enable_mediated_pmu",
		"/sys/module/kvm/parameters/enable_mediated_pmu",
	};

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		char word[16];

		read_word(paths[i], word);
		if (*word == 'Y' || *word == '1')
			return true;
	}
	return false;
}

int reader_open(const struct events_event *event, uint32_t type, unsigned int cpu)
{
	const struct events_terms *terms = events_terms(event);
	bool generic = event->type == PERF_TYPE_HARDWARE || event->type == PERF_TYPE_HW_CACHE;
	uint32_t exclude = terms->exclude;
	union attr u = {};
	int r;

	if (event->flags & EVENTS_CORE && !(exclude & EVENT_GUESTS_CHOSEN) && is_vpmu_mediated())
		exclude |= EVENT_EXCLUDE_GUEST;
	u.config3 = terms->config[3];
	u.config4 = terms->config[4];
	u.attr.size = u.config4	  ? offsetof(union attr, config4) + sizeof(u.config4)
		      : u.config3 ? offsetof(union attr, config3) + sizeof(u.config3)
				  : PERF_ATTR_SIZE_VER7;
	u.attr.type = type && !generic ? type : event->type;
	u.attr.config = terms->config[0] | (generic ? (uint64_t)type << 32 : 0);
	u.attr.config1 = terms->config[1];
	u.attr.config2 = terms->config[2];
	u.attr.exclude_user = !!(exclude & EVENT_EXCLUDE_USER);
	u.attr.exclude_kernel = !!(exclude & EVENT_EXCLUDE_KERNEL);
	u.attr.exclude_hv = !!(exclude & EVENT_EXCLUDE_HV);
	u.attr.exclude_guest = !!(exclude & EVENT_EXCLUDE_GUEST);
	u.attr.exclude_host = !!(exclude & EVENT_EXCLUDE_HOST);
	r = perf_open(&u, cpu);
	/* Kernels without types in the upper half of config choose the PMU of the CPU
	 * themselves. */
	if (r == -ENOENT && generic && u.attr.config >> 32) {
		u.attr.config = (uint32_t)u.attr.config;
		r = perf_open(&u, cpu);
	}
	return r;
}

/* PMUs that place a probe at any address they are given. */
static bool sets_probes(uint32_t type)
{
	static const char *const paths[] = {EVENT_SPEC_PMUS "/kprobe/type",
					    EVENT_SPEC_PMUS "/uprobe/type"};

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		char word[16];

		read_word(paths[i], word);
		if (*word && strtoul(word, NULL, 10) == type)
			return true;
	}
	return false;
}

/* Is there a PMU of the CPUs? */
static bool has_cpu_pmu(void)
{
	static const char *const patterns[] = {EVENT_SPEC_PMUS "/cpu", EVENT_SPEC_PMUS "/*/cpus",
					       EVENT_SPEC_PMUS "/cpum_cf"};
	bool found = false;

	for (size_t i = 0; i < sizeof(patterns) / sizeof(*patterns) && !found; i++) {
		glob_t names;

		if (!glob(patterns[i], 0, NULL, &names)) {
			found = true;
			globfree(&names);
		}
	}
	return found;
}

static const char *advise_paranoid(int level)
{
	static char text[192];

	snprintf(
		text, sizeof(text),
		" (kernel.perf_event_paranoid = %d requires more than CAP_PERFMON on kernels of Debian and Ubuntu: systemctl start paimon-opener.socket, or sysctl kernel.perf_event_paranoid=2)",
		level);
	return text;
}

const char *reader_advice(int error, uint32_t type)
{
	bool of_cpus = type == PERF_TYPE_HARDWARE || type == PERF_TYPE_HW_CACHE ||
		       type == PERF_TYPE_RAW;

	switch (error) {
	case -EACCES:
	case -EPERM:
		if (sets_probes(type))
			return " (only root may set probes: open it as root, and hand it over)";
		return perf_paranoid() > 2 ? advise_paranoid(perf_paranoid())
		       : of_cpus || type == PERF_TYPE_SOFTWARE
			       ? " (CAP_PERFMON permits this: a seccomp profile or a security module refuses perf_event_open(2), allow it there)"
		       : type == PERF_TYPE_TRACEPOINT
			       ? " (the kernel refuses this tracepoint even to root)"
			       : " (the PMU requires more than CAP_PERFMON: open it as root, and hand it over)";
	case -ETIMEDOUT:
		return " (paimon-opener does not answer: see journalctl -u paimon-opener)";
	case -EMFILE:
		return " (paimond has reached its limit on descriptors: raise LimitNOFILE of its unit, or its ulimit -n)";
	case -ENFILE:
		return " (the system has reached its limit on open files: raise sysctl fs.file-max)";
	case -E2BIG:
		return " (this kernel does not support config3 or config4)";
	case -ENOENT:
	case -ENODEV:
		return of_cpus && !has_cpu_pmu()
			       ? " (the CPUs of this machine have no PMU, as in virtual machines without one: see paimonctl list)"
			       : " (the PMU does not have this event there: see paimonctl list)";
	case -EOPNOTSUPP:
		return " (the PMU cannot count this, or not while guests use its counters)";
	case -EINVAL:
		return " (the PMU does not accept these terms or modifiers: see paimonctl list)";
	case -EBUSY:
		return " (another user has the counters that it needs)";
	default:
		return "";
	}
}

void reader_commit(__u32 *word, __u32 value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

struct events_reading reader_sum(struct events_reading a, const struct events_reading *b)
{
	a.value += b->value;
	a.enabled += b->enabled;
	a.running += b->running;
	return a;
}

struct events_reading reader_total(const struct events_slot *slot)
{
	const struct events_count *count = &slot->counts[slot->current & 1];

	return reader_sum(count->base, &count->seen);
}

void reader_set_count(struct events_slot *slot, const struct events_count *count)
{
	slot->counts[~slot->current & 1] = *count;
	reader_commit(&slot->current, slot->current + 1);
}
