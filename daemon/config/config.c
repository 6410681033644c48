// SPDX-License-Identifier: GPL-2.0
#include "config.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <paimon/handoff.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "../util/address.h"
#include "../util/cleanup.h"
#include "../util/config_file.h"
#include "../util/fail.h"
#include "keys.h"

#define DEFAULT_STATE_DIR "/sys/fs/bpf/paimon"
#define DEFAULT_SOCKET "/run/paimon/paimond.sock"
#define DEFAULT_LISTEN "127.0.0.1:10190"
#define EVENT_SECTION "event "
#define MAX_SOCKET (sizeof(((struct sockaddr_un *)0)->sun_path) - 1)
#define MAX_STATE_DIR (PATH_MAX - 64) /* leaves space for the name of a pin */
#define HOST_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._"

static int config_parse_listen(const struct config_key *key, void *target, const char *value,
			       char **ret_error)
{
	struct sockaddr_storage address;
	socklen_t size;

	if (!strcmp(value, "no"))
		return config_set_none(target);
	if (address_parse(value, &address, &size) < 0)
		return fail(
			ret_error, -EINVAL,
			"is neither no nor a numeric address: IPV4:PORT, [IPV6]:PORT or, if and only if it is link-local, [IPV6%%INTERFACE]:PORT");
	return config_set_string(target, value);
}

static int config_parse_hosts(const struct config_key *key, void *target, const char *value,
			      char **ret_error)
{
	if (value[strspn(value, HOST_CHARS CONFIG_LIST_SEPARATORS)])
		return fail(
			ret_error, -EINVAL,
			"is not a list of host names without ports (addresses need not be listed)");
	return config_parse_list(key, target, value, ret_error);
}

static const char *const no_path[] = {"no", NULL};
static const struct config_key paimond_keys[] = {
	{"state_dir", config_parse_path, CONFIG_AT(state_dir), .max = MAX_STATE_DIR},
	{"socket", config_parse_path, CONFIG_AT(socket), .max = MAX_SOCKET},
	{"listen", config_parse_listen, CONFIG_AT(listen)},
	{"handoff", config_parse_path, CONFIG_AT(handoff), .max = MAX_SOCKET, .words = no_path},
	{"allowed_hosts", config_parse_hosts, CONFIG_AT(allowed_hosts)},
};
CONFIG_SECTION(paimond_section, "paimond", paimond_keys);

/* The position of something in the files. path: NULL if it is not there; one string per file. */
struct position {
	const char *path;
	unsigned int line;
};

struct positions {
	struct position section; /* the first of this name */
	struct position keys[CONFIG_MAX_KEYS];
};

struct loader {
	struct config *config;
	struct config_errors errors;
	struct positions *sections; /* indexed like config_sections */
	struct positions *events;   /* indexed like config->events */
	char **paths;		    /* files in the directory; NULL-terminated */
	int error;		    /* the first error of reading a file, or 0 */
	/* The section that is being read. */
	char name[96];
	const struct config_section *section;
	void *target;
	struct positions *positions;
};

/* Sections */

bool config_event_name_valid(const char *name)
{
	size_t length = strlen(name);

	if (!length || length > 63 || strspn(name, "0123456789") == length)
		return false;
	for (const char *c = name; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr(CONFIG_EVENT_NAME_CHARS, *c))
			return false;
	return true;
}

/* The index of an event, which is added if there is none of this name; or a negative errno. */
static int find_event(struct loader *loader, const char *name)
{
	struct config *config = loader->config;
	struct positions *positions;
	struct config_event *events;
	size_t i = 0;

	while (i < config->nr_events && strcmp(config->events[i].name, name))
		i++;
	if (i < config->nr_events)
		return i;
	if (i == CONFIG_MAX_EVENTS)
		return -ENOSPC;
	events = reallocarray(config->events, i + 1, sizeof(*events));
	config->events = events ?: config->events;
	positions = reallocarray(loader->events, i + 1, sizeof(*positions));
	loader->events = positions ?: loader->events;
	if (!events || !positions)
		return -ENOMEM;
	positions[i] = (struct positions){};
	events[i] = (struct config_event){.name = strdup(name)};
	if (!events[i].name)
		return -ENOMEM;
	config->nr_events++;
	return i;
}

static bool begin_event(struct config_file *file, const char *name)
{
	struct loader *loader = file->data;
	int event;

	if (!config_event_name_valid(name)) {
		config_error(&loader->errors, file->path, file->line,
			     "[event %.80s] " CONFIG_NOT_EVENT_NAME, name);
		return false;
	}
	event = find_event(loader, name);
	if (event < 0) {
		config_error(&loader->errors, file->path, file->line, "[event %s]: %s", name,
			     event == -ENOSPC ? "more than 4096 sections of events"
					      : strerror(-event));
		return false;
	}
	loader->target = &loader->config->events[event];
	loader->positions = &loader->events[event];
	return true;
}

/* The index of a section in config_sections, or their number if there is none of this name. */
static size_t find_section(const char *name)
{
	size_t i = 0;

	while (config_sections[i] && strcmp(config_sections[i]->name, name))
		i++;
	return i;
}

/* Reports an unknown section. */
static void refuse_section(struct config_file *file, const char *name)
{
	struct buffer known = {};
	struct loader *loader = file->data;
	_cleanup_free_ char *names = NULL;

	for (size_t i = 0; config_sections[i]; i++) {
		buffer_add_string(&known, !i ? "[" : config_sections[i + 1] ? ", [" : " and [");
		buffer_add_string(&known, config_sections[i]->name);
		buffer_add_string(&known, "]");
	}
	names = buffer_take_string(&known);
	config_error(&loader->errors, file->path, file->line,
		     "unknown section [%.80s] "
		     "(sections: %s)",
		     name, names ?: "others");
}

static bool begin_section(struct config_file *file, const char *name)
{
	bool is_event = !strncmp(name, EVENT_SECTION, strlen(EVENT_SECTION));
	struct loader *loader = file->data;
	size_t i = find_section(is_event ? CONFIG_EVENT_SECTION : name);

	snprintf(loader->name, sizeof(loader->name), "%s", name);
	if (!config_sections[i]) {
		refuse_section(file, name);
		return false;
	}
	loader->section = config_sections[i];
	loader->target = loader->config;
	loader->positions = &loader->sections[i];
	if (is_event && !begin_event(file, name + strlen(EVENT_SECTION)))
		return false;
	if (!loader->positions->section.path)
		loader->positions->section = (struct position){file->path, file->line};
	return true;
}

/* Finds a key of a section, or returns NULL. */
static const struct config_key *find_key(const struct config_section *section, const char *name)
{
	for (size_t i = 0; i < section->nr_keys; i++)
		if (!strcmp(section->keys[i].name, name))
			return &section->keys[i];
	return NULL;
}

static void take_key(struct config_file *file, const char *name, const char *value)
{
	struct loader *loader = file->data;
	_cleanup_free_ char *error = NULL;
	const struct config_key *key = find_key(loader->section, name);
	struct position *position;
	int r;

	if (!key) {
		config_error(&loader->errors, file->path, file->line,
			     "section [%s] has no key %.60s (see paimond.conf(5))", loader->name,
			     name);
		return;
	}
	position = &loader->positions->keys[key - loader->section->keys];
	if (position->path == file->path)
		r = fail(&error, -EINVAL, "is already set in line %u of this file", position->line);
	else
		r = value ? key->parse(key, (char *)loader->target + key->offset, value, &error)
			  : 0;
	*position = (struct position){file->path, file->line};
	if (r < 0)
		config_error(&loader->errors, file->path, file->line, "[%s] %s = %.60s: %s",
			     loader->name, name, value ?: "", error ?: strerror(-r));
}

/* Files */

static void load_file(struct loader *loader, const char *path)
{
	struct config_file file = {
		.path = path,
		.errors = &loader->errors,
		.section = begin_section,
		.key = take_key,
		.data = loader,
	};
	int r = config_file_read(&file);

	loader->error = loader->error ?: r;
}

static int is_conf(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return entry->d_name[0] != '.' && length > 5 &&
	       !strcmp(entry->d_name + length - 5, ".conf");
}

/* 0 or -ENOMEM. Other errors with the directory are errors of the configuration. */
static int load_folder(struct loader *loader, const char *path)
{
	_cleanup_free_ char *folder = NULL;
	struct dirent **entries;
	int nr, r;

	if (asprintf(&folder, "%s.d", path) < 0) {
		folder = NULL;
		return -ENOMEM;
	}
	nr = scandir(folder, &entries, is_conf, alphasort);
	if (nr < 0 && errno == ENOENT)
		return 0;
	if (nr < 0) {
		loader->error = loader->error ?: -errno;
		config_error(&loader->errors, folder, 0, "%s", strerror(errno));
		return 0;
	}
	loader->paths = calloc(nr + 1, sizeof(*loader->paths));
	r = loader->paths ? 0 : -ENOMEM;
	for (int i = 0; i < nr; i++) {
		if (!r && asprintf(&loader->paths[i], "%s/%s", folder, entries[i]->d_name) < 0) {
			loader->paths[i] = NULL;
			r = -ENOMEM;
		}
		if (!r)
			load_file(loader, loader->paths[i]);
		free(entries[i]);
	}
	free(entries);
	return r;
}

/* The position where a key of [paimond] was last set. */
static const struct position *position_of(const struct loader *loader, const char *name)
{
	return &loader->sections[find_section("paimond")]
			.keys[find_key(&paimond_section, name) - paimond_section.keys];
}

/* The path of a key must not be that of a socket, or below it. */
static void check_path(struct loader *loader, const char *key, const char *path,
		       const char *socket_key, const char *socket)
{
	size_t length = socket ? strlen(socket) : 0;
	const struct position *position = position_of(loader, key);

	if (!path || !socket || strncmp(path, socket, length) ||
	    (path[length] && path[length] != '/'))
		return;
	if (!position->path)
		position = position_of(loader, socket_key);
	/* Otherwise the path comes from the environment. */
	if (position->path)
		config_error(&loader->errors, position->path, position->line,
			     path[length] ? "[paimond] %s is below %s, %.108s"
					  : "[paimond] %s and %s are the same path, %.108s",
			     key, socket_key, socket);
}

/* Reports keys that an event requires and does not have. */
static void check_event(struct loader *loader, const char *name, const struct positions *positions)
{
	const struct config_section *section = config_sections[find_section(CONFIG_EVENT_SECTION)];

	for (size_t i = 0; i < section->nr_keys; i++)
		if (section->keys[i].required && !positions->keys[i].path)
			config_error(&loader->errors, positions->section.path,
				     positions->section.line, "[event %s] has no %s", name,
				     section->keys[i].name);
}

/* Checks that concern more than one key. */
static void check_whole(struct loader *loader)
{
	const struct config *config = loader->config;

	for (size_t i = 0; i < config->nr_events; i++)
		check_event(loader, config->events[i].name, &loader->events[i]);
	check_path(loader, "state_dir", config->state_dir, "socket", config->socket);
	check_path(loader, "state_dir", config->state_dir, "handoff", config->handoff);
	check_path(loader, "handoff", config->handoff, "socket", config->socket);
	if (config->handoff && strcmp(config->socket, config->handoff))
		check_path(loader, "socket", config->socket, "handoff", config->handoff);
}

static struct config *config_new(void)
{
	struct config *config = calloc(1, sizeof(*config));

	if (!config)
		return NULL;
	config->iopf_backend = IOPF_BACKEND_AUTO;
	config->iopf_max_devices = 64;
	config->iopf_group_timeout_ns = 60000000000ULL;
	config->events_max_cgroup_series = 4096;
	config->pai_max_cgroups = 64;
	/* The unit binds the directory to a path that its user can access. */
	if (config_set_string(&config->state_dir,
			      getenv("PAIMOND_STATE_DIR") ?: DEFAULT_STATE_DIR) < 0 ||
	    config_set_string(&config->socket, DEFAULT_SOCKET) < 0 ||
	    config_set_string(&config->listen, DEFAULT_LISTEN) < 0 ||
	    config_set_string(&config->handoff, PAIMON_HANDOFF_PATH) < 0)
		return config_free(config);
	return config;
}

int config_load(const char *path, bool required, struct config **ret_config, char **ret_error)
{
	struct loader loader = {
		.config = config_new(),
		.sections = calloc(find_section("") /* their number */, sizeof(*loader.sections)),
	};
	struct stat stat;
	char *error;
	int r;

	if (!loader.config || !loader.sections) {
		config_free(loader.config);
		free(loader.sections);
		return -ENOMEM;
	}
	/* A dangling symbolic link is an error; a missing file is not. */
	if (required || !lstat(path, &stat) || errno != ENOENT)
		load_file(&loader, path);
	r = load_folder(&loader, path);
	check_whole(&loader);
	if (!r && loader.errors.nr)
		r = loader.error ?: -EINVAL;
	error = config_errors_take(&loader.errors);
	config_free_strings(loader.paths);
	free(loader.sections);
	free(loader.events);
	if (r < 0) {
		config_free(loader.config);
		*ret_error = error;
		return r;
	}
	free(error);
	*ret_config = loader.config;
	return 0;
}

struct config *config_free(struct config *config)
{
	if (!config)
		return NULL;
	config_free_strings(config->allowed_hosts);
	config_free_strings(config->iopf_include);
	config_free_strings(config->iopf_exclude);
	for (size_t i = 0; i < config->nr_events; i++) {
		free(config->events[i].name);
		free(config->events[i].spec);
		free(config->events[i].cpus);
	}
	free(config->events);
	free(config->state_dir);
	free(config->socket);
	free(config->listen);
	free(config->handoff);
	free(config);
	return NULL;
}
