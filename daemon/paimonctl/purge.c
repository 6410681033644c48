// SPDX-License-Identifier: GPL-2.0
/* paimonctl purge: removes what a paimond of another version has left pinned. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../config.h"
#include "../lock.h"
#include "../util/cleanup.h"
#include "command.h"

struct wanted {
	const char *layout, *state_dir;
};

static int take(int option, const char *value, void *user)
{
	struct wanted *wanted = user;

	if (option == 's') {
		wanted->state_dir = value;
		return 0;
	}
	wanted->layout = value;
	if (*value && strspn(value, "0123456789") == strlen(value))
		return 0;
	complain("--layout %s: is not a number, as in iopf-1", value);
	return EXIT_USAGE;
}

/* Is a folder SOURCE-LAYOUT of this layout? */
static bool is_of(const char *name, const char *layout)
{
	size_t source = strspn(name, "abcdefghijklmnopqrstuvwxyz");

	return source && name[source] == '-' && !strcmp(name + source + 1, layout);
}

/* Removes a folder of pins: there are no folders in it. 0 or a negative errno. */
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

/* Removes the folders of a layout, and names them. An exit code. */
static int purge(const char *state_dir, const char *layout, struct json_object *names)
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
		r = complain("%s is in use by paimond, process %d: nothing was removed "
			     "(systemctl stop paimond.service paimond.socket)",
			     state_dir, (int)holder);
	else if (lock < 0)
		r = complain("%s: %s", state_dir, strerror(-lock));
	for (int i = 0; i < nr; i++) {
		int removed = !r && is_of(entries[i]->d_name, layout)
				      ? remove_folder(lock, entries[i]->d_name)
				      : 1;

		if (removed < 0)
			r = complain(
				"%s/%s: %s%s", state_dir, entries[i]->d_name, strerror(-removed),
				removed == -EPERM || removed == -EACCES ? " (run it as root)" : "");
		else if (!removed)
			json_object_array_add(names, json_object_new_string(entries[i]->d_name));
		free(entries[i]);
	}
	free(entries);
	return r;
}

static int run(struct context *context, int argc, char **argv)
{
	static const struct option options[] = {
		{"layout", required_argument, NULL, 'l'},
		{"state-dir", required_argument, NULL, 's'},
		{},
	};
	struct wanted wanted = {};
	_cleanup_free_ char *error = NULL;
	struct json_object *names, *object;
	struct config *config = NULL;
	int r = command_options(context, &command_purge, argc, argv, "", options, take, &wanted);

	if (r >= 0)
		return r;
	if (!wanted.layout) {
		complain("purge takes --layout (paimond names other layouts in its log)");
		return EXIT_USAGE;
	}
	if (!wanted.state_dir && config_load(CONFIG_PATH, false, &config, &error) < 0)
		return complain("%s", error ?: strerror(ENOMEM));
	names = json_object_new_array();
	r = purge(wanted.state_dir ?: config->state_dir, wanted.layout, names);
	config_free(config);
	for (size_t i = 0; !context->json && i < json_object_array_length(names); i++)
		printf("removed %s\n", json_object_get_string(json_object_array_get_idx(names, i)));
	if (!context->json && !r && !json_object_array_length(names))
		printf("nothing of layout %s\n", wanted.layout);
	if (!context->json || r) {
		json_object_put(names);
		return r;
	}
	object = json_object_new_object();
	json_object_object_add(object, "removed", names);
	return print_json(object);
}

const struct command command_purge = {
	.name = "purge",
	.summary = "Removes what a paimond of another version has left pinned",
	.options =
		"  --layout N     of this layout: the number behind a folder's name, as in iopf-1\n"
		"  --state-dir D  in this folder, not in the one of the configuration\n",
	.run = run,
};
