// SPDX-License-Identifier: GPL-2.0
/*
 * The source of I/O page faults. Loads bpf/iopf.bpf.c and keeps it attached: to
 * paimon.ko if it is loaded, otherwise to kernel functions (hooks.c). Only one
 * of them at a time, so that a device is never counted twice.
 *
 * These outlive the daemon: the maps, pinned in STATE_DIR/iopf-LAYOUT, and the
 * links of the dispatchers, in systemd's descriptor store or pinned beside the
 * maps. A daemon that finds all of them adopts them: it puts its own programs behind
 * the dispatchers and continues to read. Otherwise it attaches anew: the totals
 * continue, groups in flight are dropped. iopf_state is pinned last: without it the
 * set of maps is incomplete and was never used.
 *
 * Called by the daemon, on its one thread.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../process/fdstore.h"
#include "../../util/clock.h"
#include "../../util/kernel.h"
#include "../../util/log.h"
#include "../load.h"
#include "../map_memory.h"
#include "../source.h"
#include "iopf_source.h"
#include "probe.h"

#define NR_MAPS 17

/* The maps in the order in which they are pinned: iopf_state is last. */
static void list_maps(const struct iopf_bpf *bpf, struct bpf_map *ret_maps[NR_MAPS])
{
	ret_maps[0] = bpf->maps.iopf_devices;
	ret_maps[1] = bpf->maps.iopf_departed;
	ret_maps[2] = bpf->maps.iopf_slots;
	ret_maps[3] = bpf->maps.iopf_spilled;
	ret_maps[4] = bpf->maps.iopf_index;
	ret_maps[5] = bpf->maps.iopf_names;
	ret_maps[6] = bpf->maps.iopf_programs;
	ret_maps[7] = bpf->maps.iopf_kprobes;
	ret_maps[8] = bpf->maps.iopf_fn_report;
	ret_maps[9] = bpf->maps.iopf_fn_reported;
	ret_maps[10] = bpf->maps.iopf_fn_handle;
	ret_maps[11] = bpf->maps.iopf_fn_response;
	ret_maps[12] = bpf->maps.iopf_fn_discard;
	ret_maps[13] = bpf->maps.iopf_fn_remove;
	ret_maps[14] = bpf->maps.iopf_reports;
	ret_maps[15] = bpf->maps.iopf_multi;
	ret_maps[16] = bpf->maps.iopf_state;
}

struct pins iopf_pins(struct source *source)
{
	return (struct pins){source, "iopf", IOPF_LAYOUT};
}

static enum source_wanted iopf_wanted(const struct config *config)
{
	return config->iopf;
}

static int iopf_probe(struct source *source)
{
	enum iopf_backend wanted = source->config->iopf_backend;
	int r;

	if (source->replay)
		return 0;
	/* Each try is a line in the kernel's log. */
	if (load_is_locked_down())
		return source_fail(source, -ENODEV, "page faults cannot be counted: %s",
				   LOAD_LOCKED_DOWN);
	if (wanted == IOPF_BACKEND_AUTO || wanted == IOPF_BACKEND_MODULE) {
		if (iopf_module_loaded())
			return 0;
		if (wanted == IOPF_BACKEND_MODULE)
			return source_fail(
				source, -ENODEV,
				"paimon.ko is not loaded (modprobe paimon; paimond retries by itself)");
	}
	r = iopf_functions_found() ? 0 : load_begin(source);
	if (r < 0)
		return r;
	if (!iopf_functions_found())
		return source_fail(
			source, -ENODEV,
			"paimon.ko is not loaded, and this kernel has no I/O page fault handler in its BTF (modprobe paimon; paimond retries by itself)");
	if (source->refused && wanted == IOPF_BACKEND_AUTO)
		return source_fail(
			source, -ENODEV,
			"paimon.ko is not loaded, and this kernel refuses fentry and kprobes (modprobe paimon; paimond retries by itself)");
	return 0;
}

/* Does the size of a map depend on max_devices? */
static bool sized_by_devices(const struct bpf_map *map)
{
	const char *name = bpf_map__name(map);

	return !strcmp(name, "iopf_devices") || !strcmp(name, "iopf_departed") ||
	       !strcmp(name, "iopf_slots") || !strcmp(name, "iopf_index") ||
	       !strcmp(name, "iopf_names");
}

static void warn_size(const struct pins *pins, uint32_t max_devices)
{
	if (max_devices != pins->source->config->iopf_max_devices)
		log_warning(
			"iopf: max_devices stays %u, the size of the pinned maps (to change it " PINS_PURGE
			")",
			max_devices, PINS_PURGE_OF(pins));
}

/* Returns an enum pins_reused, or a negative errno. */
static int reuse_maps(struct source *source, struct iopf *iopf)
{
	const struct pins pins = iopf_pins(source);
	struct bpf_map *maps[NR_MAPS];
	uint32_t pinned;
	int r;

	list_maps(iopf->bpf, maps);
	r = pins_reuse(&pins, maps, NR_MAPS, sized_by_devices);
	if (r <= 0)
		return r;
	pinned = bpf_map__max_entries(iopf->bpf->maps.iopf_devices);
	if (bpf_map__max_entries(iopf->bpf->maps.iopf_slots) != pinned * IOPF_SLOTS ||
	    bpf_map__max_entries(iopf->bpf->maps.iopf_departed) != pinned)
		return source_fail(
			source, -EEXIST,
			"the sizes of the pinned iopf_slots, iopf_departed and iopf_devices do not match (" PINS_PURGE
			")",
			PINS_PURGE_OF(&pins));
	warn_size(&pins, pinned);
	iopf->max_devices = pinned;
	return r;
}

static void clear_hash(int fd, void *key)
{
	while (!bpf_map_get_next_key(fd, NULL, key))
		if (bpf_map_delete_elem(fd, key))
			break;
}

/* Forgets the groups in flight and the addresses of devices. Nothing is
 * attached: nobody else writes. */
static void clear_groups(struct iopf *iopf)
{
	struct iopf_group_id id;
	__u64 address;

	clear_hash(bpf_map__fd(iopf->bpf->maps.iopf_spilled), &id);
	clear_hash(bpf_map__fd(iopf->bpf->maps.iopf_index), &address);
	memset(iopf->slots, 0, sizeof(*iopf->slots) * iopf->max_devices * IOPF_SLOTS);
	iopf->state->spilled = 0;
}

static struct iopf *iopf_free(struct iopf *iopf)
{
	if (!iopf)
		return NULL;
	if (iopf->bpf) {
		unmap_memory(iopf->bpf->maps.iopf_devices, iopf->devices);
		unmap_memory(iopf->bpf->maps.iopf_departed, iopf->departed);
		unmap_memory(iopf->bpf->maps.iopf_slots, iopf->slots);
		unmap_memory(iopf->bpf->maps.iopf_state, iopf->state);
	}
	iopf_hooks_close(iopf);
	iopf_bpf__destroy(iopf->bpf);
	free(iopf->absent);
	for (uint32_t i = 0; iopf->about && i < iopf->max_devices; i++)
		device_info_clear(&iopf->about[i].info);
	free(iopf->about);
	free(iopf->scenario);
	free(iopf);
	return NULL;
}

/* Opens the object with the map sizes of the configuration or of the pinned maps, and loads it.
 * *ret_reused: which maps are from an earlier daemon. */
static int load(struct source *source, struct iopf *iopf, enum iopf_backend backend,
		enum pins_reused *ret_reused)
{
	/* Without this, libbpf also reads the BTF of modules, which requires CAP_SYS_ADMIN and
	 * is not needed. */
	LIBBPF_OPTS(bpf_object_open_opts, options, .btf_custom_path = "/sys/kernel/btf/vmlinux");
	const struct pins pins = iopf_pins(source);
	int reused = 0, r;

	r = load_begin(source);
	if (r < 0)
		return r;
	iopf->bpf = iopf_bpf__open_opts(&options);
	if (!iopf->bpf)
		return source_fail(source, -errno, "cannot open the BPF object: %m");
	if (!source->replay) {
		r = pins_open(&pins);
		if (r < 0)
			return r;
		reused = reuse_maps(source, iopf);
		if (reused < 0)
			return reused;
	}
	r = iopf_hooks_prepare(iopf, backend);
	if (r < 0)
		return source_fail(source, r, "cannot prepare the BPF programs: %s", strerror(-r));
	iopf->bpf->rodata->iopf_max_devices = iopf->max_devices;
	if (!reused) {
		bpf_map__set_max_entries(iopf->bpf->maps.iopf_devices, iopf->max_devices);
		bpf_map__set_max_entries(iopf->bpf->maps.iopf_departed, iopf->max_devices);
		bpf_map__set_max_entries(iopf->bpf->maps.iopf_slots,
					 iopf->max_devices * IOPF_SLOTS);
		bpf_map__set_max_entries(iopf->bpf->maps.iopf_names, iopf->max_devices);
		bpf_map__set_max_entries(iopf->bpf->maps.iopf_index, iopf->max_devices * 4);
	}
	r = iopf_bpf__load(iopf->bpf);
	if (r < 0)
		return load_failed(source, r);
	iopf->devices = map_memory(iopf->bpf->maps.iopf_devices);
	iopf->departed = map_memory(iopf->bpf->maps.iopf_departed);
	iopf->slots = map_memory(iopf->bpf->maps.iopf_slots);
	iopf->state = map_memory(iopf->bpf->maps.iopf_state);
	if (!iopf->devices || !iopf->departed || !iopf->slots || !iopf->state)
		return source_fail(source, -errno, "cannot map the BPF maps: %m");
	/* The previous daemon may have died before it announced free places. */
	__atomic_fetch_add(&iopf->state->freed, 1, __ATOMIC_SEQ_CST);
	iopf->since_ns = clock_ns(CLOCK_MONOTONIC);
	iopf->absent = calloc(iopf->max_devices, sizeof(*iopf->absent));
	iopf->about = calloc(iopf->max_devices, sizeof(*iopf->about));
	if (!iopf->absent || !iopf->about)
		return -ENOMEM;
	*ret_reused = reused;
	return 0;
}

/* Loads the programs, and adopts the links or attaches anew. */
static int start(struct source *source, struct iopf *iopf, enum iopf_backend backend)
{
	const struct pins pins = iopf_pins(source);
	enum pins_reused reused = PINS_NONE;
	struct bpf_map *maps[NR_MAPS];
	int r;

	r = load(source, iopf, backend, &reused);
	if (r < 0)
		return r;
	iopf->state->group_timeout_ns = source->config->iopf_group_timeout_ns;
	if (source->replay)
		return iopf_hooks_set_programs(source, iopf);

	source->adopted = reused == PINS_ALL && iopf_hooks_adopt(source, iopf);
	if (source->adopted)
		return iopf_hooks_set_programs(source, iopf);
	iopf_hooks_drop(source);
	list_maps(iopf->bpf, maps);
	r = reused == PINS_NONE	  ? pins_put(&pins, maps, NR_MAPS)
	    : reused == PINS_DATA ? pins_put_arrays(&pins, maps, NR_MAPS)
				  : 0;
	if (r < 0)
		return r;
	clear_groups(iopf);
	r = iopf_hooks_set_programs(source, iopf);
	if (r < 0)
		return r;
	r = iopf_hooks_attach(source, iopf);
	if (r < 0)
		iopf_hooks_drop(source);
	return r;
}

static int attach_backend(struct source *source, enum iopf_backend backend)
{
	struct iopf *iopf = calloc(1, sizeof(*iopf));
	const struct pins pins = iopf_pins(source);
	int r;

	if (!iopf)
		return -ENOMEM;
	iopf->max_devices = source->config->iopf_max_devices;
	r = start(source, iopf, backend);
	if (r < 0) {
		iopf_free(iopf);
		return r;
	}
	source->backend = source->replay ? "replay" : iopf_backend_names[backend];
	source->data = iopf;
	iopf->made_ns = source->replay
				? clock_ns(CLOCK_REALTIME)
				: pins_made_ns(&pins, bpf_map__name(iopf->bpf->maps.iopf_devices));
	return 0;
}

static int attach_functions(struct source *source)
{
	bool preempts = kernel_preempts();
	const enum iopf_backend *order = iopf_backend_order(preempts);

	for (int i = 0; i < IOPF_NR_FUNCTION_BACKENDS; i++) {
		enum iopf_backend backend = order[i];

		if (attach_backend(source, backend)) {
			log_info("iopf: cannot use %s: %s", iopf_backend_names[backend],
				 source->reason);
			continue;
		}
		if (preempts && backend == IOPF_BACKEND_FENTRY)
			log_warning(
				"iopf: this kernel preempts BPF programs, so fentry misses events (paimon_bpf_program_recursion_misses_total): load paimon.ko or allow kprobes");
		source->reason[0] = '\0';
		return 0;
	}
	source->refused = true;
	return iopf_probe(source);
}

static int iopf_attach(struct source *source)
{
	enum iopf_backend wanted = source->config->iopf_backend;

	if (source->replay || (wanted == IOPF_BACKEND_AUTO && iopf_module_loaded()))
		return attach_backend(source, IOPF_BACKEND_MODULE);
	if (wanted != IOPF_BACKEND_AUTO)
		return attach_backend(source, wanted);
	return attach_functions(source);
}

static bool iopf_outdated(struct source *source)
{
	enum iopf_backend wanted = source->config->iopf_backend;

	if (source->replay)
		return false;
	if (wanted == IOPF_BACKEND_AUTO)
		return source->backend != iopf_backend_names[IOPF_BACKEND_MODULE] &&
		       iopf_module_loaded();
	return source->backend != iopf_backend_names[wanted];
}

/* The run time of a dispatcher includes the program that it tail-calls. */
static void iopf_objects(const struct source *source, struct source_objects *objects)
{
	const struct iopf *iopf = source->data;
	const struct bpf_program *expire = iopf->bpf->progs.iopf_expire;
	struct bpf_map *map;

	for (int i = 0; i < iopf->nr_hooks; i++) {
		const struct iopf_hook *hook = &iopf->hooks[i];

		source_add_program(objects, bpf_program__name(hook->dispatcher),
				   source->adopted ? hook->adopted
						   : bpf_program__fd(hook->dispatcher));
	}
	source_add_program(objects, bpf_program__name(expire), bpf_program__fd(expire));
	bpf_object__for_each_map(map, iopf->bpf->obj)
		source_add_map(objects, bpf_map__name(map), bpf_map__fd(map));
	objects->events = iopf_events(iopf);
}

static void iopf_retry(struct source *source, bool soon)
{
	if (!soon && !source->replay)
		iopf_recycle(source->data);
}

static int iopf_reload(struct source *source)
{
	const struct pins pins = iopf_pins(source);
	struct iopf *iopf = source->data;

	iopf->state->group_timeout_ns = source->config->iopf_group_timeout_ns;
	if (!source->replay)
		warn_size(&pins, iopf->max_devices);
	return 0;
}

static const char *iopf_restart(const struct source *source)
{
	const struct iopf *iopf = source->data;

	return iopf->max_devices != source->config->iopf_max_devices ? "max_devices" : NULL;
}

static void iopf_detach(struct source *source, bool keep)
{
	struct iopf *iopf = source->data;

	source->data = iopf_free(iopf);
	if (!source->replay && !keep)
		iopf_hooks_drop(source);
}

int iopf_source_run(struct source *source, enum iopf_program program, uint64_t args[8])
{
	struct iopf *iopf = source->data;
	LIBBPF_OPTS(bpf_test_run_opts, options, .ctx_in = args, .ctx_size_in = 8 * sizeof(*args));

	return bpf_prog_test_run_opts(bpf_program__fd(iopf->hooks[program].dispatcher), &options);
}

const struct source_ops iopf_source = {
	.name = "iopf",
	.wanted = iopf_wanted,
	.probe = iopf_probe,
	.attach = iopf_attach,
	.outdated = iopf_outdated,
	.retry = iopf_retry,
	.read = iopf_read,
	.play = iopf_play,
	.objects = iopf_objects,
	.reload = iopf_reload,
	.restart = iopf_restart,
	.detach = iopf_detach,
	.end_left = iopf_hooks_drop,
};
