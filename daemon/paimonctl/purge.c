// SPDX-License-Identifier: GPL-2.0
/* paimonctl purge: removes the pinned state of one source, and nothing else. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../config/config.h"
#include "../util/cleanup.h"
#include "../util/lock.h"
#include "../util/state.h"
#include "command.h"
#include "json.h"

#define SOURCES "iopf events pai cspmu"

struct wanted {
	const char *name; /* of a source, or of one of its directories */
	const char *state_dir;
};

static int take(int option, const char *value, void *user)
{
	struct wanted *wanted = user;

	wanted->state_dir = value;
	return 0;
}

static bool is_source(const char *name)
{
	for (const struct state_folder *f = state_folders; f->folder; f++)
		if (!strcmp(name, f->source))
			return true;
	return false;
}

/* Is this directory in state_dir to be removed? Only directories of sources are. */
static bool is_wanted(const struct wanted *wanted, const char *entry)
{
	const struct state_folder *found = state_find(entry, NULL);

	return found && (!strcmp(wanted->name, found->source) || !strcmp(wanted->name, entry));
}

/* Removes a directory of pins without subdirectories. 0 or a negative errno. */
static int remove_folder(int parent, const char *name)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), r = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir) {
		r = -errno;
		if (fd >= 0)
			close(fd);
		return r;
	}
	while (!r && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..") &&
		    unlinkat(fd, entry->d_name, 0) < 0)
			r = -errno;
	closedir(dir);
	return r || !unlinkat(parent, name, AT_REMOVEDIR) ? r : -errno;
}

/* Did systemd start a process as paimond.service? */
static bool is_of_unit(pid_t pid)
{
	char path[32], line[512];
	bool found = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		found |= !!strstr(line, "/paimond.service\n");
	if (file)
		fclose(file);
	return found;
}

/* Removes the matching directories, and prints them. An exit code. */
static int purge(const struct wanted *wanted, const char *state_dir, struct json_object *names)
{
	_cleanup_close_ int lock = -1;
	struct dirent **entries;
	pid_t holder = 0;
	int nr, r = EXIT_DONE;

	nr = scandir(state_dir, &entries, NULL, alphasort);
	if (nr < 0)
		return complain("%s: %s%s", state_dir, strerror(errno),
				errno == EACCES ? " (run it as root)" : "");
	lock = lock_folder(state_dir, &holder);
	if (lock == -EWOULDBLOCK)
		r = complain("%s is in use by paimond, process %d: nothing was removed (%s)",
			     state_dir, (int)holder,
			     is_of_unit(holder) ? "systemctl stop paimond.service paimond.socket"
						: "end that process first");
	else if (lock < 0)
		r = complain("%s: %s", state_dir, strerror(-lock));
	for (int i = 0; i < nr; i++) {
		int removed = !r && is_wanted(wanted, entries[i]->d_name)
				      ? remove_folder(lock, entries[i]->d_name)
				      : 1;

		if (removed < 0)
			r = complain(
				"%s/%s: %s%s", state_dir, entries[i]->d_name, strerror(-removed),
				removed == -EPERM || removed == -EACCES ? " (run it as root)" : "");
		else if (!removed && json_append(names, json_object_new_string(entries[i]->d_name)))
			r = complain("%s", strerror(ENOMEM));
		free(entries[i]);
	}
	free(entries);
	return r;
}

static void print_removed(struct json_object *names)
{
	for (size_t i = 0; i < json_length(names); i++) {
		const char *name = json_object_get_string(json_at(names, i));

		show("removed %s: %s\n", name, state_find(name, NULL)->loses);
	}
}

static int run(struct context *context, int argc, char **argv)
{
	struct wanted wanted = {};
	_cleanup_free_ char *error = NULL;
	struct json_object *names, *object;
	struct config *config = NULL;
	const char *state_dir;
	int r = command_options(context, &command_purge, argc, argv, take, &wanted);

	if (r >= 0)
		return r;
	wanted.name = context->arguments[0];
	if (!is_source(wanted.name) && !state_find(wanted.name, NULL))
		return complain_word("purge: no such source", wanted.name, SOURCES);
	if (!wanted.state_dir && config_load(CONFIG_PATH, false, &config, &error) < 0)
		return complain("%s", error ?: strerror(ENOMEM));
	state_dir = wanted.state_dir ?: config->state_dir;
	names = json_object_new_array();
	r = purge(&wanted, state_dir, names);
	if (!context->json) {
		print_removed(names);
		if (!r && !json_length(names))
			show("nothing of %s is in %s\n", wanted.name, state_dir);
	}
	config_free(config);
	if (!context->json || r) {
		json_object_put(names);
		return r;
	}
	object = json_object_new_object();
	if (json_add(object, "removed", names)) {
		json_object_put(object);
		object = NULL;
	}
	return print_json(object);
}

static const struct option_row options[] = {
	{0, NULL, "NAME",
	 "iopf, events, pai or cspmu: all state of that source, of any\n"
	 "version; or one directory, such as iopf-1, as the log of paimond\n"
	 "names it",
	 SOURCES},
	{LONG_OPTION('D'), "state-dir", "D", "state directory (default: that of the configuration)",
	 WORDS_FILES},
	{},
};

const struct command command_purge = {
	.name = "purge",
	.summary = "Removes the pinned state of a source: its totals or kept events",
	.arguments = "NAME",
	.min = 1,
	.max = 1,
	.options = options,
	.run = run,
};
