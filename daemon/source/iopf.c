// SPDX-License-Identifier: GPL-2.0
/*
 * The source of I/O page faults: loads bpf/iopf.bpf.c, keeps it attached to the
 * tracepoints of paimon.ko, and reads its maps into the snapshot.
 *
 * What outlives the daemon: the maps, pinned in STATE_DIR/iopf-LAYOUT, and the
 * four links of the dispatchers, in systemd's descriptor store or pinned beside
 * the maps. A daemon that finds all of them adopts: it puts its own programs
 * behind the dispatchers and reads on. One that does not find all of them starts
 * afresh: the totals go on, groups in flight are forgotten. iopf_state is pinned
 * last: without it a set of maps was never finished, and nothing counted in it.
 *
 * Called by the daemon, on its one thread.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "../fdstore.h"
#include "../util/log.h"
#include "iopf_source.h"
#include "source.h"

static const char *const tracepoints[IOPF_NR_PROGRAMS] = {
	[IOPF_REQUEST] = "paimon_iopf_request",
	[IOPF_HANDLE] = "paimon_iopf_handle",
	[IOPF_RESPONSE] = "paimon_iopf_response",
	[IOPF_DISCARD] = "paimon_iopf_discard",
};

/* Names in the descriptor store, and of pinned links. */
static const char *const link_names[IOPF_NR_PROGRAMS] = {
	[IOPF_REQUEST] = "iopf-request",
	[IOPF_HANDLE] = "iopf-handle",
	[IOPF_RESPONSE] = "iopf-response",
	[IOPF_DISCARD] = "iopf-discard",
};

#define NR_MAPS 7

/* The maps in the order in which they are pinned: iopf_state is last. */
static void list_maps(const struct iopf_bpf *bpf, struct bpf_map *ret_maps[NR_MAPS])
{
	ret_maps[0] = bpf->maps.iopf_devices;
	ret_maps[1] = bpf->maps.iopf_slots;
	ret_maps[2] = bpf->maps.iopf_spilled;
	ret_maps[3] = bpf->maps.iopf_index;
	ret_maps[4] = bpf->maps.iopf_names;
	ret_maps[5] = bpf->maps.iopf_programs;
	ret_maps[6] = bpf->maps.iopf_state;
}

static void list_programs(const struct iopf_bpf *bpf, int ret_fds[IOPF_NR_PROGRAMS])
{
	ret_fds[IOPF_REQUEST] = bpf_program__fd(bpf->progs.iopf_request);
	ret_fds[IOPF_HANDLE] = bpf_program__fd(bpf->progs.iopf_handle);
	ret_fds[IOPF_RESPONSE] = bpf_program__fd(bpf->progs.iopf_response);
	ret_fds[IOPF_DISCARD] = bpf_program__fd(bpf->progs.iopf_discard);
}

static void list_dispatchers(const struct iopf_bpf *bpf, int ret_fds[IOPF_NR_PROGRAMS])
{
	ret_fds[IOPF_REQUEST] = bpf_program__fd(bpf->progs.paimon_request);
	ret_fds[IOPF_HANDLE] = bpf_program__fd(bpf->progs.paimon_handle);
	ret_fds[IOPF_RESPONSE] = bpf_program__fd(bpf->progs.paimon_response);
	ret_fds[IOPF_DISCARD] = bpf_program__fd(bpf->progs.paimon_discard);
}

static char *state_path(const struct source *source, const char *name)
{
	char *path;

	if (asprintf(&path, "%s/iopf-%d%s%s", source->config->state_dir, IOPF_LAYOUT,
		     name ? "/" : "", name ?: "") < 0)
		return NULL;
	return path;
}

static void unpin(const struct source *source, const char *name)
{
	char *path = state_path(source, name);

	if (path && unlink(path) < 0 && errno != ENOENT)
		log_warning("iopf: cannot remove %s: %s", path, strerror(errno));
	free(path);
}

static int iopf_probe(struct source *source)
{
	if (source->replay || !access("/sys/module/paimon", F_OK))
		return 0;
	return source_fail(
		source, -ENODEV,
		"paimon.ko is not loaded (modprobe paimon; paimond looks again by itself)");
}

/* Maps of another version of paimon are not ours to read or remove. */
static void name_other_layouts(const char *state_dir)
{
	DIR *dir = opendir(state_dir);
	struct dirent *entry;
	int layout;

	while (dir && (entry = readdir(dir)))
		if (sscanf(entry->d_name, "iopf-%d", &layout) == 1 && layout != IOPF_LAYOUT)
			log_info(
				"iopf: %s/%s is of another version and is left alone (remove it when "
				"that version is gone for good)",
				state_dir, entry->d_name);
	if (dir)
		closedir(dir);
}

/* Makes sure that the folder for the pins is there, in bpffs. */
static int open_state_dir(struct source *source)
{
	const char *dir = source->config->state_dir;
	struct statfs fs;
	char *path;
	int r = 0;

	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return source_fail(source, -errno,
				   "cannot create %s: %m (as root: systemd-tmpfiles --create, or "
				   "mkdir it and chown it to this user)",
				   dir);
	if (statfs(dir, &fs) < 0)
		return source_fail(source, -errno, "cannot use %s: %m", dir);
	if ((unsigned long)fs.f_type != BPF_FS_MAGIC)
		return source_fail(source, -ENOTSUP,
				   "%s is not in bpffs (mount -t bpf bpf /sys/fs/bpf, or set "
				   "state_dir)",
				   dir);
	name_other_layouts(dir);
	path = state_path(source, NULL);
	if (!path)
		return -ENOMEM;
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		r = source_fail(source, -errno, "cannot create %s: %m", path);
	free(path);
	return r;
}

/* Does the size of a map depend on max_devices? */
static bool sized_by_devices(const struct bpf_map *map)
{
	const char *name = bpf_map__name(map);

	return !strcmp(name, "iopf_devices") || !strcmp(name, "iopf_slots") ||
	       !strcmp(name, "iopf_index") || !strcmp(name, "iopf_names");
}

/* Hands a pinned map to the object that is about to be loaded. -ENOENT: none. */
static int reuse_map(struct source *source, struct bpf_map *map)
{
	char *path = state_path(source, bpf_map__name(map));
	struct bpf_map_info info = {};
	__u32 size = sizeof(info);
	int fd, r;

	if (!path)
		return -ENOMEM;
	fd = bpf_obj_get(path);
	if (fd < 0) {
		r = fd == -ENOENT
			    ? -ENOENT
			    : source_fail(source, fd, "cannot open %s: %s", path, strerror(-fd));
	} else if ((r = bpf_obj_get_info_by_fd(fd, &info, &size)) < 0) {
		r = source_fail(source, r, "%s is not a map: %s", path, strerror(-r));
	} else if (info.type != bpf_map__type(map) || info.key_size != bpf_map__key_size(map) ||
		   info.value_size != bpf_map__value_size(map) ||
		   info.map_flags != bpf_map__map_flags(map) ||
		   (!sized_by_devices(map) && info.max_entries != bpf_map__max_entries(map))) {
		r = source_fail(source, -EEXIST,
				"%s is not of this layout and is left alone (stop paimond, then "
				"remove the folder)",
				path);
	} else {
		r = bpf_map__reuse_fd(map, fd);
		if (r < 0)
			r = source_fail(source, r, "cannot use %s: %s", path, strerror(-r));
	}
	if (fd >= 0)
		close(fd);
	free(path);
	return r;
}

/* Reuses all maps; returns 1 then, and 0 where there is no finished set. */
static int reuse_maps(struct source *source, struct iopf *iopf)
{
	struct bpf_map *maps[NR_MAPS];
	uint32_t pinned;
	int r;

	list_maps(iopf->bpf, maps);
	for (int i = NR_MAPS - 1; i >= 0; i--) {
		r = reuse_map(source, maps[i]);
		if (r == -ENOENT && i == NR_MAPS - 1)
			return 0;
		if (r == -ENOENT)
			return source_fail(source, r,
					   "%s is missing in %s (stop paimond, then "
					   "remove the folder)",
					   bpf_map__name(maps[i]), source->config->state_dir);
		if (r < 0)
			return r;
	}
	pinned = bpf_map__max_entries(iopf->bpf->maps.iopf_devices);
	if (bpf_map__max_entries(iopf->bpf->maps.iopf_slots) != pinned * IOPF_SLOTS)
		return source_fail(source, -EEXIST,
				   "the pinned iopf_slots and iopf_devices do not "
				   "belong together (stop paimond, then remove the folder)");
	if (pinned != iopf->max_devices)
		log_warning("iopf: max_devices stays %u, the size of the pinned maps; to change it "
			    "stop paimond and remove %s/iopf-%d",
			    pinned, source->config->state_dir, IOPF_LAYOUT);
	iopf->max_devices = pinned;
	return 1;
}

static int pin_maps(struct source *source, struct iopf *iopf)
{
	struct bpf_map *maps[NR_MAPS];
	int r = 0;

	list_maps(iopf->bpf, maps);
	for (int i = 0; i < NR_MAPS && !r; i++) {
		char *path;

		unpin(source, bpf_map__name(maps[i]));
		path = state_path(source, bpf_map__name(maps[i]));
		r = path ? bpf_obj_pin(bpf_map__fd(maps[i]), path) : -ENOMEM;
		if (r < 0)
			source_fail(source, r, "cannot pin %s: %s", path ?: "a map", strerror(-r));
		free(path);
	}
	return r;
}

/* Is fd a link of one of our dispatchers to its tracepoint? */
static bool is_our_link(int fd, const char *tracepoint)
{
	struct bpf_link_info info = {};
	__u32 size = sizeof(info);
	char name[64] = "";

	info.raw_tracepoint.tp_name = (__u64)(uintptr_t)name;
	info.raw_tracepoint.tp_name_len = sizeof(name);
	return !bpf_obj_get_info_by_fd(fd, &info, &size) &&
	       info.type == BPF_LINK_TYPE_RAW_TRACEPOINT && !strcmp(name, tracepoint);
}

static void close_links(struct iopf *iopf)
{
	for (int i = 0; i < IOPF_NR_PROGRAMS; i++) {
		if (iopf->links[i] >= 0)
			close(iopf->links[i]);
		iopf->links[i] = -1;
	}
}

/* Finds the links of an earlier daemon. True if all four are there. */
static bool find_links(struct source *source, struct iopf *iopf)
{
	for (int i = 0; i < IOPF_NR_PROGRAMS; i++) {
		int fd = fdstore_take(link_names[i]);

		if (fd < 0) {
			char *path = state_path(source, link_names[i]);

			fd = path ? bpf_obj_get(path) : -ENOMEM;
			free(path);
		}
		if (fd >= 0 && !is_our_link(fd, tracepoints[i])) {
			log_warning("iopf: what is kept as %s is not a link to %s, left aside",
				    link_names[i], tracepoints[i]);
			close(fd);
			fd = -1;
		}
		iopf->links[i] = fd;
		if (fd < 0) {
			close_links(iopf);
			return false;
		}
	}
	return true;
}

static void drop_links(const struct source *source)
{
	for (int i = 0; i < IOPF_NR_PROGRAMS; i++) {
		fdstore_remove(link_names[i]);
		unpin(source, link_names[i]);
	}
	/* What is attached next must not count beside them. */
	fdstore_sync();
}

static int keep_link(struct source *source, int program, int fd)
{
	char *path;
	int r;

	if (fdstore_available())
		return fdstore_put(link_names[program], fd);
	path = state_path(source, link_names[program]);
	r = path ? bpf_obj_pin(fd, path) : -ENOMEM;
	free(path);
	return r;
}

static int set_programs(struct source *source, struct iopf *iopf)
{
	int fds[IOPF_NR_PROGRAMS];
	int r;

	list_programs(iopf->bpf, fds);
	for (__u32 i = 0; i < IOPF_NR_PROGRAMS; i++) {
		r = bpf_map_update_elem(bpf_map__fd(iopf->bpf->maps.iopf_programs), &i, &fds[i], 0);
		if (r < 0)
			return source_fail(source, r, "cannot put a program behind %s: %s",
					   tracepoints[i], strerror(-r));
	}
	return 0;
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

/*
 * Attaches the dispatchers, that of requests last: a group whose first request
 * is seen is then followed to its end.
 */
static int attach_links(struct source *source, struct iopf *iopf)
{
	int fds[IOPF_NR_PROGRAMS];
	int r;

	list_dispatchers(iopf->bpf, fds);
	for (int i = IOPF_NR_PROGRAMS - 1; i >= 0; i--) {
		iopf->links[i] = bpf_raw_tracepoint_open(tracepoints[i], fds[i]);
		if (iopf->links[i] == -ENOENT)
			return source_fail(source, -ENODEV,
					   "this paimon.ko has no tracepoint %s "
					   "(install the module of this version)",
					   tracepoints[i]);
		if (iopf->links[i] < 0)
			return source_fail(source, iopf->links[i], "cannot attach to %s: %s",
					   tracepoints[i], strerror(-iopf->links[i]));
	}
	for (int i = 0; i < IOPF_NR_PROGRAMS; i++) {
		r = keep_link(source, i, iopf->links[i]);
		if (r < 0)
			return source_fail(source, r,
					   "cannot keep the link to %s for the next "
					   "daemon: %s",
					   tracepoints[i], strerror(-r));
	}
	return 0;
}

static void *map_memory(const struct bpf_map *map, size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static size_t devices_size(const struct iopf *iopf)
{
	return sizeof(*iopf->devices) * iopf->max_devices;
}

static size_t slots_size(const struct iopf *iopf)
{
	return sizeof(*iopf->slots) * iopf->max_devices * IOPF_SLOTS;
}

static struct iopf *iopf_free(struct iopf *iopf)
{
	if (!iopf)
		return NULL;
	if (iopf->devices)
		munmap((void *)iopf->devices, devices_size(iopf));
	if (iopf->slots)
		munmap(iopf->slots, slots_size(iopf));
	if (iopf->state)
		munmap(iopf->state, sizeof(*iopf->state));
	close_links(iopf);
	iopf_bpf__destroy(iopf->bpf);
	free(iopf);
	return NULL;
}

/* Opens the object with the sizes that the configuration or the pins ask for,
 * and loads it. *ret_reused: the maps are an earlier daemon's. */
static int load(struct source *source, struct iopf *iopf, bool *ret_reused)
{
	/* Modules' BTF is not for the unprivileged, and not needed. */
	LIBBPF_OPTS(bpf_object_open_opts, options, .btf_custom_path = "/sys/kernel/btf/vmlinux");
	int reused = 0, r;

	iopf->bpf = iopf_bpf__open_opts(&options);
	if (!iopf->bpf)
		return source_fail(source, -errno, "cannot open the BPF object: %m");
	if (!source->replay) {
		r = open_state_dir(source);
		if (r < 0)
			return r;
		reused = reuse_maps(source, iopf);
		if (reused < 0)
			return reused;
	}
	iopf->bpf->rodata->iopf_max_devices = iopf->max_devices;
	if (!reused) {
		bpf_map__set_max_entries(iopf->bpf->maps.iopf_devices, iopf->max_devices);
		bpf_map__set_max_entries(iopf->bpf->maps.iopf_slots,
					 iopf->max_devices * IOPF_SLOTS);
		bpf_map__set_max_entries(iopf->bpf->maps.iopf_names, iopf->max_devices);
		bpf_map__set_max_entries(iopf->bpf->maps.iopf_index, iopf->max_devices * 4);
	}
	r = iopf_bpf__load(iopf->bpf);
	if (r < 0)
		return source_fail(source, r, "cannot load the BPF programs: %s%s", strerror(-r),
				   r == -EPERM ? " (needs CAP_BPF and CAP_PERFMON)" : "");
	iopf->devices = map_memory(iopf->bpf->maps.iopf_devices, devices_size(iopf));
	iopf->slots = map_memory(iopf->bpf->maps.iopf_slots, slots_size(iopf));
	iopf->state = map_memory(iopf->bpf->maps.iopf_state, sizeof(*iopf->state));
	if (!iopf->devices || !iopf->slots || !iopf->state)
		return source_fail(source, -errno, "cannot map the BPF maps: %m");
	*ret_reused = reused;
	return 0;
}

/* From load to counting, adopted or afresh. */
static int start(struct source *source, struct iopf *iopf)
{
	bool reused = false;
	int r;

	r = load(source, iopf, &reused);
	if (r < 0)
		return r;
	iopf->state->group_timeout_ns = source->config->iopf_group_timeout_ns;
	if (source->replay)
		return set_programs(source, iopf);

	source->adopted = reused && find_links(source, iopf);
	if (source->adopted)
		return set_programs(source, iopf);
	drop_links(source);
	if (!reused) {
		r = pin_maps(source, iopf);
		if (r < 0)
			return r;
	}
	clear_groups(iopf);
	r = set_programs(source, iopf);
	if (r < 0)
		return r;
	r = attach_links(source, iopf);
	if (r < 0)
		drop_links(source);
	return r;
}

static int iopf_attach(struct source *source)
{
	struct iopf *iopf = calloc(1, sizeof(*iopf));
	int r;

	if (!iopf)
		return -ENOMEM;
	for (int i = 0; i < IOPF_NR_PROGRAMS; i++)
		iopf->links[i] = -1;
	iopf->max_devices = source->config->iopf_max_devices;
	r = start(source, iopf);
	if (r < 0) {
		iopf_free(iopf);
		return r;
	}
	source->backend = source->replay ? "replay" : "paimon.ko";
	source->data = iopf;
	return 0;
}

static int iopf_reload(struct source *source)
{
	struct iopf *iopf = source->data;

	iopf->state->group_timeout_ns = source->config->iopf_group_timeout_ns;
	return 0;
}

static void iopf_detach(struct source *source, bool keep)
{
	struct iopf *iopf = source->data;

	source->data = iopf_free(iopf);
	if (!source->replay && !keep)
		drop_links(source);
}

int iopf_source_run(struct source *source, enum iopf_program program, uint64_t args[8])
{
	struct iopf *iopf = source->data;
	int fds[IOPF_NR_PROGRAMS];

	list_dispatchers(iopf->bpf, fds);
	LIBBPF_OPTS(bpf_test_run_opts, options, .ctx_in = args, .ctx_size_in = 8 * sizeof(*args));
	return bpf_prog_test_run_opts(fds[program], &options);
}

const struct source_ops iopf_source = {
	.name = "iopf",
	.probe = iopf_probe,
	.attach = iopf_attach,
	.read = iopf_read,
	.reload = iopf_reload,
	.detach = iopf_detach,
};
