// SPDX-License-Identifier: GPL-2.0
#include "config.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <ini.h>
#include <paimon/handoff.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "serve/listen.h"
#include "util/cleanup.h"

#define DEFAULT_STATE_DIR "/sys/fs/bpf/paimon"
#define DEFAULT_SOCKET "/run/paimon/paimond.sock"
#define DEFAULT_LISTEN "127.0.0.1:10190"
#define EVENT_SECTION "event "

static int set_string(char **target, const char *value)
{
	char *copy = strdup(value);

	if (!copy)
		return -ENOMEM;
	free(*target);
	*target = copy;
	return 0;
}

/* Each setter returns NULL, or what is wrong with the value. */

static const char *set_path(char **target, const char *value)
{
	if (value[0] != '/')
		return "is not an absolute path";
	return set_string(target, value) < 0 ? "does not fit in memory" : NULL;
}

static const char *set_state_dir(struct config *config, const char *value)
{
	return set_path(&config->state_dir, value);
}

static const char *set_socket(struct config *config, const char *value)
{
	return set_path(&config->socket, value);
}

static const char *set_listen(struct config *config, const char *value)
{
	if (!strcmp(value, "no")) {
		free(config->listen);
		config->listen = NULL;
		return NULL;
	}
	if (!listen_tcp_valid(value))
		return "is not ADDRESS:PORT or [ADDRESS]:PORT with a numeric address, or no";
	return set_string(&config->listen, value) < 0 ? "does not fit in memory" : NULL;
}

static const char *set_handoff(struct config *config, const char *value)
{
	if (!strcmp(value, "no")) {
		free(config->handoff);
		config->handoff = NULL;
		return NULL;
	}
	return value[0] == '/' ? set_path(&config->handoff, value)
			       : "is neither an absolute path nor no";
}

static char **free_strings(char **strings)
{
	for (char **s = strings; s && *s; s++)
		free(*s);
	free(strings);
	return NULL;
}

/* A list of words, separated by spaces or commas, in place of the one before. */
static const char *set_list(char ***target, const char *value)
{
	_cleanup_free_ char *copy = strdup(value);
	char **list = calloc(strlen(value) / 2 + 2, sizeof(*list)), *state = NULL;
	size_t nr = 0;

	for (char *word = copy && list ? strtok_r(copy, " ,", &state) : NULL; word;
	     word = strtok_r(NULL, " ,", &state)) {
		list[nr] = strdup(word);
		if (!list[nr++]) {
			list = free_strings(list);
			break;
		}
	}
	if (!copy || !list) {
		free_strings(list);
		return "does not fit in memory";
	}
	free_strings(*target);
	*target = list;
	return NULL;
}

static const char *set_allowed_hosts(struct config *config, const char *value)
{
	return set_list(&config->allowed_hosts, value);
}

static const char *set_wanted(enum source_wanted *target, const char *value)
{
	if (!strcmp(value, "auto"))
		*target = SOURCE_AUTO;
	else if (!strcmp(value, "yes"))
		*target = SOURCE_YES;
	else if (!strcmp(value, "no"))
		*target = SOURCE_NO;
	else
		return "is not auto, yes or no";
	return NULL;
}

static const char *set_iopf(struct config *config, const char *value)
{
	return set_wanted(&config->iopf, value);
}

/* The number of a word among names, or -1. */
static int find_word(const char *const *names, int nr, const char *value)
{
	for (int i = 0; i < nr; i++)
		if (!strcmp(value, names[i]))
			return i;
	return -1;
}

static const char *set_iopf_backend(struct config *config, const char *value)
{
	static const char *const names[] = {
		[IOPF_BACKEND_MODULE] = "paimon.ko",
		[IOPF_BACKEND_FENTRY] = "fentry",
		[IOPF_BACKEND_KPROBE_MULTI] = "kprobe.multi",
		[IOPF_BACKEND_KPROBE] = "kprobe",
		[IOPF_BACKEND_AUTO] = "auto",
	};
	int backend = find_word(names, IOPF_BACKEND_AUTO + 1, value);

	if (backend < 0)
		return "is not auto, paimon.ko, fentry, kprobe.multi or kprobe";
	config->iopf_backend = backend;
	return NULL;
}

/* A number from 1 to max. 0 or -EINVAL. */
static int set_number(uint32_t *target, long max, const char *value)
{
	char *end;
	long n = strtol(value, &end, 10);

	if (end == value || *end || n < 1 || n > max)
		return -EINVAL;
	*target = n;
	return 0;
}

static const char *set_iopf_max_devices(struct config *config, const char *value)
{
	return set_number(&config->iopf_max_devices, 1024, value) ? "is not a number from 1 to 1024"
								  : NULL;
}

static const char *set_iopf_group_timeout(struct config *config, const char *value)
{
	char *end;
	double seconds = strtod(value, &end);

	if (end == value || *end || !(seconds >= 0 && seconds <= 86400))
		return "is not a number of seconds from 0 (never) to 86400";
	config->iopf_group_timeout_ns = seconds * 1e9;
	return NULL;
}

static const char *set_iopf_include(struct config *config, const char *value)
{
	return set_list(&config->iopf_include, value);
}

static const char *set_iopf_exclude(struct config *config, const char *value)
{
	return set_list(&config->iopf_exclude, value);
}

static const char *set_events(struct config *config, const char *value)
{
	return set_wanted(&config->events_wanted, value);
}

static const char *set_events_max(struct config *config, const char *value)
{
	return set_number(&config->events_max, 4096, value) ? "is not a number from 1 to 4096"
							    : NULL;
}

static const char *set_flag(bool *target, const char *value)
{
	*target = !strcmp(value, "yes");
	return *target || !strcmp(value, "no") ? NULL : "is not yes or no";
}

static const char *set_events_per_cpu(struct config *config, const char *value)
{
	return set_flag(&config->events_per_cpu, value);
}

static const char *set_pai(struct config *config, const char *value)
{
	return set_wanted(&config->pai, value);
}

static const char *set_pai_mode(struct config *config, const char *value)
{
	static const char *const names[] = {
		[PAI_AUTO] = "auto",
		[PAI_COUNTING] = "counting",
		[PAI_SAMPLING] = "sampling",
	};
	int mode = find_word(names, PAI_SAMPLING + 1, value);

	if (mode < 0)
		return "is not auto, counting or sampling";
	config->pai_mode = mode;
	return NULL;
}

static const char *set_pai_backend(struct config *config, const char *value)
{
	static const char *const names[] = {
		[PAI_BACKEND_AUTO] = "auto",
		[PAI_BACKEND_TRACEPOINT] = "tracepoint",
		[PAI_BACKEND_PERF_EVENT] = "perf_event",
	};
	int backend = find_word(names, PAI_BACKEND_PERF_EVENT + 1, value);

	if (backend < 0)
		return "is not auto, tracepoint or perf_event";
	config->pai_backend = backend;
	return NULL;
}

static const char *set_pai_accept_throttling_panic(struct config *config, const char *value)
{
	return set_flag(&config->pai_accept_throttling_panic, value);
}

static const char *set_pai_max_cgroups(struct config *config, const char *value)
{
	return set_number(&config->pai_max_cgroups, 1024, value) ? "is not a number from 1 to 1024"
								 : NULL;
}

static const char *set_pai_per_cpu(struct config *config, const char *value)
{
	return set_flag(&config->pai_per_cpu, value);
}

/* The keys of a section [event NAME]. What is in them is looked at when the event is
 * opened: the machine may have its PMU by then. */
static const char *set_event(struct config_event *event, const char *key, const char *value)
{
	char **target = !strcmp(key, "spec")   ? &event->spec
			: !strcmp(key, "cpus") ? &event->cpus
					       : NULL;

	if (!target)
		return "there is no such key, only spec and cpus";
	if (!*value)
		return "is empty";
	return set_string(target, value) < 0 ? "does not fit in memory" : NULL;
}

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

static struct config_event *find_event(struct config *config, const char *name)
{
	struct config_event *events;

	for (size_t i = 0; i < config->nr_events; i++)
		if (!strcmp(config->events[i].name, name))
			return &config->events[i];
	events = reallocarray(config->events, config->nr_events + 1, sizeof(*events));
	if (!events)
		return NULL;
	config->events = events;
	events[config->nr_events] = (struct config_event){.name = strdup(name)};
	return events[config->nr_events].name ? &events[config->nr_events++] : NULL;
}

static const struct key {
	const char *section;
	const char *name;
	const char *(*set)(struct config *config, const char *value);
} keys[] = {
	{"paimond", "state_dir", set_state_dir},
	{"paimond", "socket", set_socket},
	{"paimond", "listen", set_listen},
	{"paimond", "handoff", set_handoff},
	{"paimond", "allowed_hosts", set_allowed_hosts},
	{"iopf", "enable", set_iopf},
	{"iopf", "backend", set_iopf_backend},
	{"iopf", "max_devices", set_iopf_max_devices},
	{"iopf", "group_timeout", set_iopf_group_timeout},
	{"iopf", "include", set_iopf_include},
	{"iopf", "exclude", set_iopf_exclude},
	{"events", "enable", set_events},
	{"events", "max", set_events_max},
	{"events", "per_cpu", set_events_per_cpu},
	{"pai", "enable", set_pai},
	{"pai", "mode", set_pai_mode},
	{"pai", "backend", set_pai_backend},
	{"pai", "accept_throttling_panic", set_pai_accept_throttling_panic},
	{"pai", "max_cgroups", set_pai_max_cgroups},
	{"pai", "per_cpu", set_pai_per_cpu},
};

struct parser {
	struct config *config;
	FILE *file;
	int line;				 /* read so far */
	int wrong_line;				 /* of what, or of an over-long line */
	bool seen[sizeof(keys) / sizeof(*keys)]; /* in this file */
	char what[256];				 /* the first error */
};

/* A line at a time for inih, which does not say where it is and would take the
 * rest of an over-long line for a line of its own. Ends at the first error. */
static char *read_line(char *line, int size, void *stream)
{
	struct parser *parser = stream;

	if (parser->what[0] || !fgets(line, size, parser->file))
		return NULL;
	parser->line++;
	if (!strchr(line, '\n') && !feof(parser->file)) {
		parser->wrong_line = parser->line;
		snprintf(parser->what, sizeof(parser->what), "is longer than %d characters",
			 size - 2);
		return NULL;
	}
	return line;
}

static int handle_event(struct parser *parser, const char *section, const char *name,
			const char *value)
{
	const char *event_name = section + strlen(EVENT_SECTION), *wrong;
	struct config_event *event;

	if (!config_event_name_valid(event_name)) {
		snprintf(parser->what, sizeof(parser->what), "[%.80s] " CONFIG_NOT_EVENT_NAME,
			 section);
		return 0;
	}
	event = find_event(parser->config, event_name);
	wrong = event ? set_event(event, name, value) : "does not fit in memory";
	if (wrong)
		snprintf(parser->what, sizeof(parser->what), "[%s] %s = %s: %s", section, name,
			 value, wrong);
	return !wrong;
}

static int handle_key(void *user, const char *section, const char *name, const char *value)
{
	struct parser *parser = user;
	bool known_section = false;
	const char *wrong;

	parser->wrong_line = parser->line; /* unless it is right */
	if (!strncmp(section, EVENT_SECTION, strlen(EVENT_SECTION)))
		return handle_event(parser, section, name, value);
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		if (strcmp(keys[i].section, section))
			continue;
		known_section = true;
		if (strcmp(keys[i].name, name))
			continue;
		wrong = parser->seen[i] ? "is a second one in this file"
					: keys[i].set(parser->config, value);
		parser->seen[i] = true;
		if (wrong)
			snprintf(parser->what, sizeof(parser->what), "[%s] %s = %s: %s", section,
				 name, value, wrong);
		return !wrong;
	}
	if (known_section)
		snprintf(parser->what, sizeof(parser->what), "[%s] has no key %s", section, name);
	else
		snprintf(parser->what, sizeof(parser->what),
			 "no section [%s] (there are [paimond], [iopf], [events], [event NAME] "
			 "and [pai])",
			 section);
	return 0;
}

/* 0, or a negative errno with *ret_error set. */
static int load_file(struct config *config, const char *path, char **ret_error)
{
	struct parser parser = {.config = config, .file = fopen(path, "re")};
	const char *what = "is neither [SECTION] nor KEY = VALUE";
	int line = -1, error = errno;

	if (parser.file) {
		line = ini_parse_stream(read_line, &parser, handle_key, &parser);
		if (ferror(parser.file)) {
			error = errno;
			line = -1;
		} else if (line < 0) {
			error = ENOMEM;
		}
		fclose(parser.file);
	}
	if (line < 0) {
		if (asprintf(ret_error, "%s: %s", path, strerror(error)) < 0)
			*ret_error = NULL;
		return -error;
	}
	/* The first of inih's error and ours. */
	if (parser.what[0] && (!line || parser.wrong_line <= line)) {
		line = parser.wrong_line;
		what = parser.what;
	}
	if (!line)
		return 0;
	if (asprintf(ret_error, "%s:%d: %s", path, line, what) < 0)
		*ret_error = NULL;
	return -EINVAL;
}

static int is_conf(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return entry->d_name[0] != '.' && length > 5 &&
	       !strcmp(entry->d_name + length - 5, ".conf");
}

static int load_folder(struct config *config, const char *path, char **ret_error)
{
	_cleanup_free_ char *folder = NULL;
	struct dirent **entries;
	int nr, r = 0;

	if (asprintf(&folder, "%s.d", path) < 0)
		return -ENOMEM;
	nr = scandir(folder, &entries, is_conf, alphasort);
	if (nr < 0 && errno == ENOENT)
		return 0;
	if (nr < 0) {
		r = -errno;
		if (asprintf(ret_error, "%s: %s", folder, strerror(-r)) < 0)
			*ret_error = NULL;
		return r;
	}
	for (int i = 0; i < nr; i++) {
		_cleanup_free_ char *file = NULL;

		if (!r && asprintf(&file, "%s/%s", folder, entries[i]->d_name) < 0)
			r = -ENOMEM;
		if (!r)
			r = load_file(config, file, ret_error);
		free(entries[i]);
	}
	free(entries);
	return r;
}

static struct config *config_new(void)
{
	struct config *config = calloc(1, sizeof(*config));

	if (!config)
		return NULL;
	config->iopf_backend = IOPF_BACKEND_AUTO;
	config->iopf_max_devices = 64;
	config->iopf_group_timeout_ns = 30000000000ULL;
	config->events_max = 128;
	config->pai_max_cgroups = 64;
	/* The unit binds the folder to a path that its user can reach. */
	if (set_string(&config->state_dir, getenv("PAIMOND_STATE_DIR") ?: DEFAULT_STATE_DIR) < 0 ||
	    set_string(&config->socket, DEFAULT_SOCKET) < 0 ||
	    set_string(&config->listen, DEFAULT_LISTEN) < 0 ||
	    set_string(&config->handoff, PAIMON_HANDOFF_PATH) < 0)
		return config_free(config);
	return config;
}

static int check_events(const struct config *config, char **ret_error)
{
	for (size_t i = 0; i < config->nr_events; i++)
		if (!config->events[i].spec) {
			if (asprintf(ret_error, "[event %s] has no spec", config->events[i].name) <
			    0)
				*ret_error = NULL;
			return -EINVAL;
		}
	return 0;
}

int config_load(const char *path, bool required, struct config **ret_config, char **ret_error)
{
	struct config *config = config_new();
	char *error = NULL;
	int r;

	if (!config)
		return -ENOMEM;
	r = load_file(config, path, &error);
	if (r == -ENOENT && !required) {
		free(error);
		error = NULL;
		r = 0;
	}
	if (!r)
		r = load_folder(config, path, &error);
	r = r ?: check_events(config, &error);
	if (r < 0) {
		config_free(config);
		*ret_error = error;
		return r;
	}
	*ret_config = config;
	return 0;
}

struct config *config_free(struct config *config)
{
	if (!config)
		return NULL;
	free_strings(config->allowed_hosts);
	free_strings(config->iopf_include);
	free_strings(config->iopf_exclude);
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

static bool matches(char *const *patterns, const char *device)
{
	for (; patterns && *patterns; patterns++)
		if (!fnmatch(*patterns, device, 0))
			return true;
	return false;
}

bool config_serves(char *const *include, char *const *exclude, const char *device)
{
	bool all = !include || !*include;

	return (all || matches(include, device)) && !matches(exclude, device);
}
