// SPDX-License-Identifier: GPL-2.0
/* paimonctl status: version, configuration and cost of paimond, and the state of each source. */
#include <json-c/json.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../util/namespaces.h"
#include "command.h"
#include "json.h"
#include "view/format.h"

#define MOMENT_MS 500 /* in which run times are measured */

static void print_uptime(double seconds)
{
	/* Limit the number of days, because the answer is not trusted. */
	unsigned long long s = seconds >= 0 && seconds < 1e15 ? (unsigned long long)seconds : 0;

	if (s >= 86400)
		show("up %llu d %llu h", s / 86400, s / 3600 % 24);
	else if (s >= 3600)
		show("up %llu h %llu min", s / 3600, s / 60 % 60);
	else if (s >= 60)
		show("up %llu min %llu s", s / 60, s % 60);
	else
		show("up %llu s", s);
}

static void print_source(struct json_object *source)
{
	double attached = json_number(source, "attached_timestamp_seconds", 0);
	const char *reason = json_text(source, "reason", "");
	char since[32] = "-";

	if (attached > 0)
		format_time(attached, "%F %T", since);
	show("%-8s  %-6s  %-10s  %-19s  ", json_text(source, "name", "?"),
	     json_text(source, "state", "?"), json_text(source, "backend", "-"), since);
	if (json_object_get_boolean(json_object_object_get(source, "adopted")))
		show("adopted%s", *reason ? "; " : "");
	show("%s\n", reason);
}

/* What paimon costs. -1: not known. */
struct cost {
	double events, ns_per_event; /* per second; of the requests and samples that it counts */
	double runs, ns_per_run;     /* of BPF programs, also for perf events */
	double bpf, daemon;	     /* per cent of a CPU */
};

/* Has the kernel measure run times of BPF programs until the descriptor is closed. Others who do
 * so are not affected. -1: it is not allowed; CAP_SYS_ADMIN is required. */
static int enable_run_times(void)
{
	union bpf_attr attr = {.enable_stats.type = BPF_STATS_RUN_TIME};

	return (int)syscall(__NR_bpf, BPF_ENABLE_STATS, &attr, sizeof(attr));
}

/* What has been added to a total of the daemon, or -1. */
static double added(struct json_object *before, struct json_object *now, const char *key)
{
	uint64_t from = json_whole(before, key), to = json_whole(now, key);

	return to >= from ? (double)(to - from) : -1;
}

/* The cost between two answers; false: they cannot be compared. */
static bool compare(struct json_object *before, struct json_object *now, struct cost *ret_cost)
{
	struct json_object *old = json_object_object_get(before, "totals");
	struct json_object *new = json_object_object_get(now, "totals");
	double ns = added(old, new, "monotonic_ns"), run_ns = added(old, new, "run_ns");
	double events = added(old, new, "events"), runs = added(old, new, "runs");

	if (!(ns > 0) || run_ns < 0 || events < 0 || runs < 0 ||
	    json_whole(old, "sources") != json_whole(new, "sources"))
		return false;
	*ret_cost = (struct cost){
		.events = events * 1e9 / ns,
		.ns_per_event = events > 0 ? run_ns / events : -1,
		.runs = runs * 1e9 / ns,
		.ns_per_run = runs > 0 ? run_ns / runs : -1,
		.bpf = run_ns * 100 / ns,
		.daemon = added(old, new, "daemon_cpu_ns") * 100 / ns,
	};
	return true;
}

/*
 * The cost of the last seconds as the daemon knows it or, if the kernel does not measure run times,
 * of a moment in which it does, if this user may have that. *status is then replaced by a later
 * answer. An exit code.
 */
static int get_cost(struct context *context, struct json_object **status, struct cost *ret_cost)
{
	struct json_object *cost = json_object_object_get(*status, "cost"), *before, *now;
	struct timespec moment = {.tv_nsec = MOMENT_MS * 1000000L};
	int fd, r;

	*ret_cost = (struct cost){
		.events = json_number(cost, "events_per_second", -1),
		.ns_per_event = json_number(cost, "ns_per_event", -1),
		.runs = json_number(cost, "runs_per_second", -1),
		.ns_per_run = json_number(cost, "ns_per_run", -1),
		.bpf = json_number(cost, "bpf_cpu_percent", -1),
		.daemon = json_number(cost, "daemon_cpu_percent", 0),
	};
	if (ret_cost->bpf >= 0 || !json_object_object_get(cost, "totals"))
		return EXIT_DONE;
	fd = enable_run_times();
	if (fd < 0)
		return EXIT_DONE;
	r = get_json(context, "/v1/status", &before);
	if (!r) {
		nanosleep(&moment, NULL);
		r = get_json(context, "/v1/status", &now);
		if (!r) {
			compare(json_object_object_get(before, "cost"),
				json_object_object_get(now, "cost"), ret_cost);
			json_object_put(*status);
			*status = now;
		}
		json_object_put(before);
	}
	close(fd);
	return r;
}

/*
 * The current cost of paimon. Without run times, the CPU time is that of the daemon
 * alone, and the line says what to do. With replay, the daemon runs the programs, so
 * they are part of its own time.
 */
static void print_cost(struct json_object *cost, const struct cost *measured, bool replay)
{
	double bpf = replay ? 0 : measured->bpf;
	char runs[16];

	show("cost           ");
	if (measured->ns_per_event >= 0) {
		show("%.0f ns/event, ", measured->ns_per_event);
	} else if (measured->ns_per_run >= 0) {
		format_value(COLUMN_RATE, measured->runs, runs);
		show("%.0f ns for each of %s runs/s of BPF programs, ", measured->ns_per_run, runs);
	} else if (!measured->events) {
		show("no events, ");
	}
	show("%.2f %% of a CPU%s, ", bpf >= 0 ? measured->daemon + bpf : measured->daemon,
	     bpf >= 0 ? "" : " for paimond alone");
	show("%.1f MiB of maps, %.0f of %.0f descriptors\n",
	     json_number(cost, "map_bytes", 0) / (1 << 20), json_number(cost, "descriptors", 0),
	     json_number(cost, "descriptors_max", 0));
	if (measured->bpf >= 0)
		return;
	if (!json_object_get_boolean(json_object_object_get(cost, "run_times")))
		show("               (run times of BPF programs: paimonctl status measures them for root)\n");
	else
		show("               (run times of BPF programs follow within ten seconds)\n");
}

/* The TCP sockets, with a warning if other machines can reach them. */
static void print_listen(struct json_object *listen)
{
	for (size_t i = 0; i < json_length(listen); i++) {
		struct json_object *one = json_at(listen, i);

		show("%-13s  %s%s\n", i ? "" : "listen", json_text(one, "address", "?"),
		     json_object_get_boolean(json_object_object_get(one, "loopback"))
			     ? ""
			     : ": WARNING: other machines can read the metrics there, without a password");
	}
}

/* Whether it can attribute to processes. */
static void print_processes(struct json_object *status)
{
	struct json_object *seen;

	if (json_object_object_get_ex(status, "sees_processes", &seen) &&
	    !json_object_get_boolean(seen))
		show("processes      not shown, only cgroups: paimond is in a PID namespace of its own\n"
		     "               (" NAMESPACES_PID_NEXT ")\n");
}

/* The counts are then too low. */
static void print_misses(struct json_object *cost)
{
	double misses = json_number(cost, "recursion_misses", 0);

	if (misses > 0) {
		show("MISSED         %.0f events: another program already ran on the CPU\n",
		     misses);
		show("               (" MISSES_NEXT ")\n");
	}
}

static int run(struct context *context, int argc, char **argv)
{
	struct json_object *status, *config, *sources, *reloaded;
	struct cost cost;
	int r = command_options(context, &command_status, argc, argv, NULL, NULL);

	if (r < 0)
		r = get_json(context, "/v1/status", &status);
	else
		return r;
	if (r)
		return r;
	if (!json_text(status, "version", NULL))
		return complain_foreign(context, "/v1/status", status);
	if (context->json)
		return print_json(status);
	r = get_cost(context, &status, &cost);
	if (r) {
		json_object_put(status);
		return r;
	}
	show("paimond %s, revision %s, pid %.0f, ", json_text(status, "version", "?"),
	     json_text(status, "revision", "?"), json_number(status, "pid", 0));
	print_uptime(json_number(status, "uptime_seconds", 0));
	show("\n");
	if (json_text(status, "input", NULL))
		show("input          REPLAY: synthetic input, no real events\n");
	config = json_object_object_get(status, "config");
	reloaded = json_object_object_get(config, "last_reload_successful");
	show("configuration  %s%s\n", json_text(config, "path", "-"),
	     !reloaded || json_object_get_boolean(reloaded)
		     ? ""
		     : " (the last reload failed: the previous one is in force)");
	show("state          %s\n", json_text(status, "state_dir", "none"));
	print_listen(json_object_object_get(status, "listen"));
	show("hand-off       %s\n", json_text(status, "handoff", "none"));
	print_processes(status);
	print_cost(json_object_object_get(status, "cost"), &cost, json_text(status, "input", NULL));
	print_misses(json_object_object_get(status, "cost"));
	show("\n");
	show("%-8s  %-6s  %-10s  %-19s  %s\n", "SOURCE", "STATE", "BACKEND", "SINCE", "NOTE");
	sources = json_object_object_get(status, "sources");
	for (size_t i = 0; i < json_length(sources); i++)
		print_source(json_at(sources, i));
	json_object_put(status);
	return EXIT_DONE;
}

const struct command command_status = {
	.name = "status",
	.summary = "Shows the status of paimond and its sources",
	.run = run,
};
