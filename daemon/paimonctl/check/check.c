// SPDX-License-Identifier: GPL-2.0
/*
 * paimonctl check: whether this machine has everything that paimond uses, and the next step for
 * each part that is missing. It works without the daemon, and also shows whether the daemon runs.
 */
#include "check.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../config/config.h"
#include "../../source/events/probe.h"
#include "../../util/address.h"
#include "../../util/cleanup.h"
#include "../../util/list.h"
#include "../../util/namespaces.h"
#include "../command.h"
#include "../json.h"

static const char *const words[] = {"ok", "warning", "missing", "missing"};

/* Counts one that does not fit. */
static void add_more(struct check *check, enum check_status status)
{
	struct finding *last = &check->findings[CHECK_MAX_FINDINGS];

	check->nr_more++;
	last->name = "more";
	if (status > last->status)
		last->status = status;
	if (last->status != CHECK_OK)
		snprintf(last->next, sizeof(last->next), "mend what is above, and check again");
	snprintf(last->found, sizeof(last->found), "%u findings are not shown: at most %d are",
		 check->nr_more, CHECK_MAX_FINDINGS);
	check->nr_findings = CHECK_MAX_FINDINGS + 1;
}

void check_add(struct check *check, const char *name, enum check_status status, const char *next,
	       const char *format, ...)
{
	struct finding *finding = &check->findings[check->nr_findings];
	va_list args;

	if (check->nr_findings >= CHECK_MAX_FINDINGS) {
		add_more(check, status);
		return;
	}
	*finding = (struct finding){.name = name, .status = status};
	va_start(args, format);
	vsnprintf(finding->found, sizeof(finding->found), format, args);
	va_end(args);
	if (next)
		snprintf(finding->next, sizeof(finding->next), "%s", next);
	check->nr_findings++;
}

/* Reports addresses that other machines can reach, which may not be intended. */
static void warn_listen(struct check *check, const char *address)
{
	check_add(
		check, "listen", CHECK_WARNING,
		"set ListenStream=127.0.0.1:10190 in paimond.socket (systemctl edit), or listen in paimond.conf; or use a firewall",
		"%s: other machines can read the metrics there, without a password", address);
}

/* status: of a running paimond, or NULL: use the configuration. */
static void check_listen(struct check *check, struct json_object *status)
{
	struct json_object *listen = json_object_object_get(status, "listen");
	const char *configured = status ? NULL : check->config->listen;
	struct sockaddr_storage address;
	socklen_t size;

	for (size_t i = 0; i < json_length(listen); i++) {
		struct json_object *one = json_at(listen, i);

		if (!json_object_get_boolean(json_object_object_get(one, "loopback")))
			warn_listen(check, json_text(one, "address", "?"));
	}
	if (configured && !address_parse(configured, &address, &size) &&
	    !address_is_loopback(&address))
		warn_listen(check, configured);
}

/* If the socket could not be opened, this is only in the log of the start. */
static void check_handoff(struct check *check, struct json_object *status)
{
	struct json_object *served;

	if (check->config->handoff && !json_text(status, "input", NULL) &&
	    json_object_object_get_ex(status, "handoff", &served) && !served)
		check_add(check, "hand-off", CHECK_WARNING,
			  "journalctl -u paimond; or set handoff = no in paimond.conf",
			  "paimond has no hand-off socket, so events cannot be handed over");
}

/* In a PID namespace of its own, a running paimond, or one that is started here, does not attribute
 * to processes. */
static void check_processes(struct check *check, struct json_object *status)
{
	struct json_object *seen;

	if (json_object_object_get_ex(status, "sees_processes", &seen)
		    ? !json_object_get_boolean(seen)
		    : !namespaces_pid_is_initial())
		check_add(
			check, "processes", CHECK_WARNING, NAMESPACES_PID_NEXT,
			"paimond is in a PID namespace of its own: counts are attributed to cgroups, but not to processes");
}

/* Returns the status of paimond, or NULL. */
static struct json_object *check_daemon(struct check *check, struct context *context)
{
	struct json_object *status = NULL;
	struct response response;
	double misses;
	int r = client_get(context->client, "/v1/status", NULL, &response);

	if (r == -ENOENT || r == -ECONNREFUSED) {
		check_add(check, "paimond", CHECK_MISSING,
			  access(CHECK_UNIT, F_OK) ? "as root: paimond"
						   : "as root: systemctl start paimond",
			  "does not run: nothing at %s", context->socket);
		return NULL;
	}
	if (r < 0) {
		check_add(check, "paimond", CHECK_WARNING,
			  r == -ENOTSUP ? "ask it by curl --unix-socket" : "journalctl -u paimond",
			  "%s", client_error(context->client));
		return NULL;
	}
	if (response.status == 200)
		status = response_json(&response);
	response_clear(&response);
	if (!json_object_is_type(status, json_type_object))
		check_add(check, "paimond", CHECK_WARNING, "journalctl -u paimond",
			  "invalid answer at %s", context->socket);
	else if (strcmp(json_text(status, "version", "?"), PAIMON_VERSION))
		check_add(check, "paimond", CHECK_WARNING, "as root: systemctl restart paimond",
			  "runs, version %s; paimonctl is " PAIMON_VERSION,
			  json_text(status, "version", "?"));
	else
		check_add(check, "paimond", CHECK_OK, NULL, "runs, version %s%s",
			  json_text(status, "version", "?"),
			  json_text(status, "input", NULL) ? ", on replayed input" : "");
	misses = json_number(json_object_object_get(status, "cost"), "recursion_misses", 0);
	if (misses > 0)
		check_add(
			check, "missed events", CHECK_WARNING, MISSES_NEXT,
			"%.0f since the programs of paimond were loaded: another one already ran on the CPU",
			misses);
	check_handoff(check, status);
	return status;
}

/* Reads the configuration into check->config; if it is invalid, the defaults. */
static int check_config(struct check *check, const char *path, bool required,
			struct config **ret_config)
{
	char *error = NULL, next[512];
	int r = config_load(path, required, ret_config, &error);

	if (!r) {
		check_add(check, "configuration", CHECK_OK, NULL, "%s%s", path,
			  access(path, F_OK) ? " does not exist: defaults apply" : " has no error");
	} else {
		/* The command in the next step shows the other errors. */
		snprintf(next, sizeof(next), "paimond --check-config%s%.400s",
			 required ? " --config " : "", required ? path : "");
		check_add(check, "configuration", CHECK_FATAL, next, "%s",
			  error ? strtok(error, "\n") : strerror(-r));
		free(error);
		error = NULL;
		r = config_load("/nonexistent", false, ret_config, &error);
	}
	free(error);
	check->config = r ? NULL : *ret_config;
	return r;
}

/* The status of a source from the daemon, or NULL: it does not run, or replays. */
static struct json_object *find_source(struct json_object *status, const char *name)
{
	struct json_object *sources = json_object_object_get(status, "sources");

	for (size_t i = 0; i < json_length(sources) && !json_text(status, "input", NULL); i++)
		if (!strcmp(json_text(json_at(sources, i), "name", ""), name))
			return json_at(sources, i);
	return NULL;
}

/* Adds events of the configuration that cannot be opened. False: none are known. */
static bool check_events(struct check *check, const char *finding)
{
	_cleanup_free_ char *first = NULL;
	size_t nr = 0;

	for (size_t i = 0; i < check->config->nr_events; i++) {
		const struct config_event *event = &check->config->events[i];
		_cleanup_free_ char *error = NULL;
		int r = events_try(event, check->privileged, &error);

		/* This user may have fewer permissions than paimond. */
		if (!r || ((r == -EACCES || r == -EPERM) && geteuid()))
			continue;
		if (!nr++ &&
		    asprintf(&first, "[event %s]: %s", event->name, error ?: strerror(-r)) < 0)
			first = NULL;
	}
	if (nr)
		check_add(check, finding, CHECK_MISSING, "see its message", "%.320s%s",
			  first ?: strerror(ENOMEM), nr > 1 ? ", and others" : "");
	return nr;
}

/* Adds the problems of a source that the daemon reports. False: none. */
static bool check_problems(struct check *check, const char *finding, struct json_object *source)
{
	struct json_object *problems = json_object_object_get(source, "problems");
	const char *state = json_text(source, "state", "?");
	const char *first = json_object_get_string(json_at(problems, 0));
	size_t nr = json_length(problems);

	if (!nr && strcmp(state, "failed"))
		return false;
	check_add(check, finding, CHECK_MISSING,
		  nr > 1 ? "see its message; all: paimonctl status --json" : "see its message",
		  "%s: %.320s%s", state, first ?: json_text(source, "reason", "?"),
		  nr > 1 ? ", and others" : "");
	return true;
}

/*
 * For each source: why it cannot count, from the findings above, or from what a running paimond
 * reports.
 */
static void check_sources(struct check *check, struct json_object *status)
{
	const struct config *config = check->config;
	const struct {
		const char *name, *finding;
		enum source_wanted wanted;
		bool there, events;
		const char *see;
	} sources[] = {
		{"iopf", "source iopf", config->iopf, check->iopf, false, "page faults"},
		{"events", "source events", config->events_wanted, true, true, "sysctl"},
		{"pai", "source pai", config->pai, check->pai, true, "pai"},
		{"cspmu", "source cspmu", config->cspmu, check->cspmu, true, "system PMUs"},
	};

	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		const char *finding = sources[i].finding, *name = sources[i].name;
		struct json_object *said = find_source(status, name);
		bool there = sources[i].there || !strcmp(json_text(said, "state", ""), "failed");
		bool cannot = true, counts = false;

		if (sources[i].wanted == SOURCE_NO) {
			check_add(check, finding, CHECK_OK, NULL, "off, as configured");
			continue;
		}
		if (!there && sources[i].wanted == SOURCE_AUTO) {
			check_add(check, finding, CHECK_OK, NULL,
				  "off: this machine has nothing to count (see %s)",
				  sources[i].see);
			continue;
		}
		if (!there)
			check_add(check, finding, CHECK_MISSING, "set enable = auto",
				  "enable = yes, but this machine has nothing to count (see %s)",
				  sources[i].see);
		else if (check->no_state)
			check_add(check, finding, CHECK_MISSING, "see state_dir",
				  "cannot count without a state_dir in bpffs");
		else if (check->no_events && sources[i].events)
			check_add(check, finding, CHECK_MISSING, "see sysctl",
				  "cannot open perf events");
		else if (said ? !check_problems(check, finding, said)
			      : strcmp(name, "events") || !check_events(check, finding))
			cannot = false;
		else /* the other events */
			counts = !said || !strcmp(json_text(said, "state", "?"), "up");
		if (cannot)
			list_add(check->cannot, sizeof(check->cannot), name);
		if (!cannot || counts)
			list_add(check->counts, sizeof(check->counts), name);
		if (!cannot)
			check_add(check, finding, CHECK_OK, NULL, "%s",
				  said ? json_text(said, "backend", "?") : "can count");
	}
}

static const struct finding *first_fatal(const struct check *check)
{
	for (size_t i = 0; i < check->nr_findings; i++)
		if (check->findings[i].status == CHECK_FATAL)
			return &check->findings[i];
	return NULL;
}

static bool is_usable(const struct check *check)
{
	return !first_fatal(check) && !*check->cannot;
}

/* counts: reported by a running paimond. */
static void print_findings(const struct check *check, const char *counts)
{
	const struct finding *fatal = first_fatal(check);
	const struct config *config = check->config;

	for (size_t i = 0; i < check->nr_findings; i++) {
		const struct finding *finding = &check->findings[i];

		show("%-13s  %-7s  %s\n", finding->name, words[finding->status], finding->found);
		if (finding->next[0])
			show("%24s next: %s\n", "", finding->next);
	}
	show("\n");
	if (fatal)
		show("not usable: paimond cannot run until this is fixed: %s\n", fatal->name);
	else if (*check->cannot)
		show("not fully usable: see source %s; paimond %s %s\n", check->cannot, counts,
		     *check->counts ? check->counts : "nothing");
	else if (*check->counts)
		show("usable: paimond can run here, and %s %s\n", counts, check->counts);
	else if (config->iopf == SOURCE_NO && config->events_wanted == SOURCE_NO &&
		 config->pai == SOURCE_NO && config->cspmu == SOURCE_NO)
		show("usable: paimond can run here; all sources are off, as configured\n");
	else
		show("usable: paimond can run here, but only with --replay\n");
}

static struct json_object *to_json(const struct check *check)
{
	struct json_object *object = json_object_new_object();
	struct json_object *findings = json_object_new_array();
	int r = 0;

	r |= json_add(object, "usable", json_object_new_boolean(is_usable(check)));
	for (size_t i = 0; i < check->nr_findings && !r; i++) {
		const struct finding *finding = &check->findings[i];
		struct json_object *item = json_object_new_object();

		r |= json_add_text(item, "name", finding->name);
		r |= json_add_text(item, "status", words[finding->status]);
		r |= json_add_text(item, "found", finding->found);
		r |= json_add_text(item, "next", finding->next[0] ? finding->next : NULL);
		r |= json_add(item, "fatal",
			      json_object_new_boolean(finding->status == CHECK_FATAL));
		r |= json_append(findings, item);
	}
	r |= json_add(object, "checks", findings);
	if (!r)
		return object;
	json_object_put(object);
	return NULL;
}

static int take(int option, const char *value, void *user)
{
	*(const char **)user = value;
	return 0;
}

static int run(struct context *context, int argc, char **argv)
{
	static void (*const checks[])(struct check * check) = {
		check_kernel,	 check_btf,	    check_capabilities, check_bpf,
		check_lockdown,	 check_secure_boot, check_module,	check_other_modules,
		check_functions, check_attach,	    check_iopf,		check_programs,
		check_bpffs,	 check_state_dir,   check_tracefs,	check_pmus,
		check_cspmu,	 check_live,	    check_descriptors,	check_memory,
		check_sysctls,	 check_pai,
	};
	struct check check = {};
	struct config *config = NULL;
	struct json_object *status;
	const char *path = NULL;
	bool counts;
	int r = command_options(context, &command_check, argc, argv, take, &path);

	if (r >= 0)
		return r;
	if (check_config(&check, path ?: CONFIG_PATH, path, &config) < 0)
		return complain("%s", strerror(ENOMEM));
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		checks[i](&check);
	status = check_daemon(&check, context);
	check_processes(&check, status);
	check_listen(&check, status);
	check_sources(&check, status);
	counts = find_source(status, "events");
	json_object_put(status);
	if (context->json)
		r = print_json(to_json(&check));
	else
		print_findings(&check, counts ? "counts" : "can count");
	config_free(config);
	return r > 0 ? r : is_usable(&check) ? EXIT_DONE : EXIT_FAILED;
}

static const struct option_row options[] = {
	{LONG_OPTION('c'), "config", "FILE", "of paimond (default " CONFIG_PATH ")", WORDS_FILES},
	{},
};

const struct command command_check = {
	.name = "check",
	.summary =
		"Checks what paimond can use on this machine, and shows the next step for what is missing",
	.options = options,
	.run = run,
};
