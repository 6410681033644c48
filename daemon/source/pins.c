// SPDX-License-Identifier: GPL-2.0
#include "pins.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "../process/fdstore.h"
#include "../util/cleanup.h"
#include "../util/log.h"
#include "load.h"
#include "source.h"

/* Logs directories with another layout. Another version of paimon owns their maps: paimond does
 * not read or remove them. */
static void name_other_layouts(const struct pins *pins)
{
	const char *state_dir = pins->source->config->state_dir;
	DIR *dir = opendir(state_dir);
	struct dirent *entry;
	int layout;

	while (dir && (entry = readdir(dir))) {
		const struct state_folder *found = state_find(entry->d_name, &layout);

		if (found && !strcmp(found->folder, pins->name) && layout != pins->layout)
			log_info(
				"%s: %s/%s belongs to another version and is not used (to remove it: paimonctl purge %s; this loses %s)",
				pins->name, state_dir, entry->d_name, entry->d_name, found->loses);
	}
	if (dir)
		closedir(dir);
}

int pins_open(const struct pins *pins)
{
	struct source *source = pins->source;
	const char *dir = source->config->state_dir;
	_cleanup_free_ char *path = NULL;
	struct statfs fs;

	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return source_fail(
			source, -errno,
			"cannot create %s: %m (as root: systemd-tmpfiles --create, or mkdir it and chown it to this user)",
			dir);
	if (statfs(dir, &fs) < 0)
		return source_fail(source, -errno, "cannot use %s: %m", dir);
	if ((unsigned long)fs.f_type != BPF_FS_MAGIC)
		return source_fail(
			source, -ENOTSUP,
			"%s is not in bpffs (mount -t bpf bpf /sys/fs/bpf, or set state_dir)", dir);
	name_other_layouts(pins);
	path = pins_path(pins, NULL);
	if (!path)
		return -ENOMEM;
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return source_fail(source, -errno, "cannot create %s: %m", path);
	return 0;
}

char *pins_path(const struct pins *pins, const char *name)
{
	char *path;

	if (asprintf(&path, "%s/%s-%d%s%s", pins->source->config->state_dir, pins->name,
		     pins->layout, name ? "/" : "", name ?: "") < 0)
		return NULL;
	return path;
}

uint64_t pins_made_ns(const struct pins *pins, const char *name)
{
	_cleanup_free_ char *path = pins_path(pins, name);
	struct stat st;

	if (!path || stat(path, &st) < 0)
		return 0;
	return st.st_mtim.tv_sec * 1000000000ULL + st.st_mtim.tv_nsec;
}

void pins_remove(const struct pins *pins, const char *name)
{
	_cleanup_free_ char *path = pins_path(pins, name);
	int error;

	if (!path || !unlink(path) || errno == ENOENT || errno == ENOTDIR)
		return;
	error = errno;
	/* If the whole directory is inaccessible, the log says so once, at the start. */
	if (!access(pins->source->config->state_dir, X_OK))
		log_warning("%s: cannot remove %s: %s", pins->name, path, strerror(error));
}

/* Reuses one pinned map. -ENOENT: it is not pinned. */
static int reuse_map(const struct pins *pins, struct bpf_map *map, const char *path, bool sized)
{
	_cleanup_close_ int fd = bpf_obj_get(path);
	struct source *source = pins->source;
	struct bpf_map_info info = {};
	__u32 size = sizeof(info);
	char why[224];
	int r;

	if (fd == -ENOENT)
		return -ENOENT;
	if (fd < 0) {
		load_why(fd, why, sizeof(why));
		return source_fail(source, fd, "cannot open %s: %s", path, why);
	}
	r = bpf_obj_get_info_by_fd(fd, &info, &size);
	if (r < 0)
		return source_fail(source, r, "%s is not a map: %s", path, strerror(-r));
	if (info.type != bpf_map__type(map) || info.key_size != bpf_map__key_size(map) ||
	    info.value_size != bpf_map__value_size(map) ||
	    info.map_flags != bpf_map__map_flags(map) ||
	    (!sized && info.max_entries != bpf_map__max_entries(map)))
		return source_fail(source, -EEXIST,
				   "%s does not have this layout and is not used (" PINS_PURGE ")",
				   path, PINS_PURGE_OF(pins));
	r = bpf_map__reuse_fd(map, fd);
	return r < 0 ? source_fail(source, r, "cannot use %s: %s", path, strerror(-r)) : 0;
}

static bool is_program_array(const struct bpf_map *map)
{
	return bpf_map__type(map) == BPF_MAP_TYPE_PROG_ARRAY;
}

/* Do the pinned program arrays accept programs that are loaded now? */
static bool arrays_fit(const struct pins *pins, struct bpf_map *const *maps, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		_cleanup_free_ char *path = is_program_array(maps[i])
						    ? pins_path(pins, bpf_map__name(maps[i]))
						    : NULL;
		_cleanup_close_ int fd = path ? bpf_obj_get(path) : -1;

		if (fd >= 0 && !load_fits(fd))
			return false;
	}
	return true;
}

/* The set is incomplete, because its last map is missing: somebody removed it, or an earlier
 * daemon died before it pinned it. Logs this if other maps of the set are there. */
static void say_unfinished(const struct pins *pins, struct bpf_map *const *maps, size_t nr)
{
	for (size_t i = 0; i + 1 < nr; i++) {
		_cleanup_free_ char *path = pins_path(pins, bpf_map__name(maps[i]));

		if (!path || access(path, F_OK) < 0)
			continue;
		log_warning(
			"%s: %s is pinned, but %s, the last map of the set, is missing: the set is replaced (this loses %s)",
			pins->name, path, bpf_map__name(maps[nr - 1]), state_loses(pins->name));
		return;
	}
}

int pins_reuse(const struct pins *pins, struct bpf_map *const *maps, size_t nr,
	       bool (*sized)(const struct bpf_map *map))
{
	bool fit = arrays_fit(pins, maps, nr);

	for (size_t i = nr; i-- > 0;) {
		_cleanup_free_ char *path = pins_path(pins, bpf_map__name(maps[i]));
		int r;

		if (!fit && is_program_array(maps[i]))
			continue;
		r = path ? reuse_map(pins, maps[i], path, sized(maps[i])) : -ENOMEM;
		if (r == -ENOENT && i == nr - 1) {
			say_unfinished(pins, maps, nr);
			return PINS_NONE;
		}
		if (r == -ENOENT)
			return source_fail(pins->source, r, "%s is missing (" PINS_PURGE ")", path,
					   PINS_PURGE_OF(pins));
		if (r < 0)
			return r;
	}
	return fit ? PINS_ALL : PINS_DATA;
}

int pins_put_arrays(const struct pins *pins, struct bpf_map *const *maps, size_t nr)
{
	log_warning(
		"%s: net.core.bpf_jit_enable has changed, and attached programs cannot tail-call new ones: attaching again, totals continue",
		pins->name);
	for (size_t i = 0; i < nr; i++) {
		_cleanup_free_ char *path = pins_path(pins, bpf_map__name(maps[i])), *new = NULL;
		int r;

		if (!is_program_array(maps[i]))
			continue;
		/* Atomically, because a set without one of its maps is unusable. */
		if (!path || asprintf(&new, "%s-new", path) < 0)
			return -ENOMEM;
		unlink(new);
		r = bpf_obj_pin(bpf_map__fd(maps[i]), new);
		if (!r && rename(new, path) < 0)
			r = -errno;
		if (r < 0)
			return source_fail(pins->source, r, "cannot pin %s: %s", path,
					   strerror(-r));
	}
	return 0;
}

int pins_put(const struct pins *pins, struct bpf_map *const *maps, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		_cleanup_free_ char *path = pins_path(pins, bpf_map__name(maps[i]));
		int r;

		pins_remove(pins, bpf_map__name(maps[i]));
		r = path ? bpf_obj_pin(bpf_map__fd(maps[i]), path) : -ENOMEM;
		if (r < 0)
			return source_fail(pins->source, r, "cannot pin %s: %s", path ?: "a map",
					   strerror(-r));
	}
	return 0;
}

bool pins_is_link_of(int link, int program)
{
	struct bpf_link_info link_info = {};
	struct bpf_prog_info program_info = {};
	__u32 link_size = sizeof(link_info), program_size = sizeof(program_info);

	return !bpf_obj_get_info_by_fd(link, &link_info, &link_size) &&
	       !bpf_obj_get_info_by_fd(program, &program_info, &program_size) &&
	       link_info.prog_id == program_info.id;
}

/* Gives a descriptor back to the store, for the next attach in this process. */
static void give_back(const char *name, int fd)
{
	int copy = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);

	if (copy >= 0)
		fdstore_give_back(name, copy);
}

int pins_keep(const struct pins *pins, const char *name, int fd)
{
	_cleanup_free_ char *path = NULL;

	if (fdstore_available()) {
		int r = fdstore_put(name, fd);

		give_back(name, r < 0 ? -1 : fd);
		return r;
	}
	path = pins_path(pins, name);
	return path ? bpf_obj_pin(fd, path) : -ENOMEM;
}

int pins_take(const struct pins *pins, const char *name)
{
	int fd = fdstore_take(name);
	_cleanup_free_ char *path = fd < 0 ? pins_path(pins, name) : NULL;

	if (!path) {
		give_back(name, fd);
		return fd;
	}
	fd = bpf_obj_get(path);
	/* Pinned by a daemon outside systemd: the pin would outlive the unit. */
	if (fd >= 0 && fdstore_available() && fdstore_put(name, fd) >= 0)
		pins_remove(pins, name);
	return fd;
}

void pins_drop(const struct pins *pins, const char *name)
{
	/* Also drops this process's copy. */
	_cleanup_close_ int fd = fdstore_take(name);

	fdstore_remove(name);
	pins_remove(pins, name);
}
