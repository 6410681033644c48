// SPDX-License-Identifier: GPL-2.0
/* The folders of event sets. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define SUFFIX ".conf"

const char *const event_set_folders[] = {
	"/etc/paimon/event-sets",
	PAIMON_DATADIR "/paimon/event-sets",
	NULL,
};

void event_sets_free(struct event_sets *sets)
{
	for (size_t i = 0; sets && i < sets->nr_sets; i++)
		event_set_free(sets->sets[i]);
	if (sets)
		free(sets->sets);
	free(sets);
}

/* The sets so far. */
struct loader {
	struct event_sets *sets;
	struct config_errors errors;
	char *seen[EVENT_SETS_MAX]; /* names of all files, so that each is read once */
	size_t nr_seen;
	bool too_many; /* this has been reported */
};

static int is_conf(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name), suffix = strlen(SUFFIX);

	return entry->d_name[0] != '.' && length > suffix &&
	       !strcmp(entry->d_name + length - suffix, SUFFIX);
}

static bool is_seen(const struct loader *loader, const char *name)
{
	for (size_t i = 0; i < loader->nr_seen; i++)
		if (!strcmp(loader->seen[i], name))
			return true;
	return false;
}

/* 0 or -ENOMEM. Other errors with a file are only reported. */
static int load_file(struct loader *loader, const char *name, const char *path)
{
	struct event_sets *sets = loader->sets;
	struct event_set *set = NULL;
	int r;

	if (!event_set_name_valid(name)) {
		config_error(&loader->errors, path, 0,
			     "the name is not 1 to %d letters, digits, _ and -, and " SUFFIX,
			     EVENT_SET_MAX_NAME);
		return 0;
	}
	if (is_seen(loader, name))
		return 0;
	if (loader->nr_seen == EVENT_SETS_MAX) {
		if (!loader->too_many)
			config_error(&loader->errors, path, 0,
				     "is left out, as all that follow: more than %d families",
				     EVENT_SETS_MAX);
		loader->too_many = true;
		return 0;
	}
	loader->seen[loader->nr_seen] = strdup(name);
	if (!loader->seen[loader->nr_seen])
		return -ENOMEM;
	loader->nr_seen++;
	r = event_set_read(name, path, &loader->errors, &set);
	if (set)
		sets->sets[sets->nr_sets++] = set;
	return r;
}

/* 0 or a negative errno. */
static int load_folder(struct loader *loader, const char *folder)
{
	struct dirent **entries;
	int nr = scandir(folder, &entries, is_conf, alphasort), r = 0;

	if (nr < 0 && errno == ENOENT)
		return 0;
	if (nr < 0) {
		r = -errno;
		config_error(&loader->errors, folder, 0, "%s", strerror(-r));
		return r;
	}
	for (int i = 0; i < nr; i++) {
		char *file = entries[i]->d_name;
		_cleanup_free_ char *path = NULL;

		if (asprintf(&path, "%s/%s", folder, file) < 0)
			path = NULL;
		file[strlen(file) - strlen(SUFFIX)] = '\0';
		if (!r)
			r = path ? load_file(loader, file, path) : -ENOMEM;
		free(entries[i]);
	}
	free(entries);
	return r;
}

static int compare_sets(const void *left, const void *right)
{
	return strcmp((*(struct event_set *const *)left)->name,
		      (*(struct event_set *const *)right)->name);
}

int event_sets_load(const char *const *folders, struct event_sets **ret_sets, char **ret_errors)
{
	struct event_sets *sets = calloc(1, sizeof(*sets));
	struct loader loader = {.sets = sets};
	int r = 0;

	*ret_errors = NULL;
	if (sets)
		sets->sets = calloc(EVENT_SETS_MAX, sizeof(*sets->sets));
	if (!sets || !sets->sets) {
		event_sets_free(sets);
		return -ENOMEM;
	}
	for (; !r && *folders; folders++)
		r = load_folder(&loader, *folders);
	for (size_t i = 0; i < loader.nr_seen; i++)
		free(loader.seen[i]);
	if (!r && loader.errors.text.error)
		r = -ENOMEM;
	if (loader.errors.nr)
		*ret_errors = config_errors_take(&loader.errors);
	else
		free(loader.errors.text.data);
	if (r < 0) {
		event_sets_free(sets);
		return r;
	}
	qsort(sets->sets, sets->nr_sets, sizeof(*sets->sets), compare_sets);
	*ret_sets = sets;
	return 0;
}
