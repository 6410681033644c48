// SPDX-License-Identifier: GPL-2.0
/* paimonctl status: version, configuration and cost of paimond, and the state of each source. */
#include <json-c/json.h>
#include <stdio.h>

#include "../util/namespaces.h"
#include "command.h"
#include "json.h"
#include "view/format.h"

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

/*
 * The current cost of paimon. Without run times, the CPU time is that of the daemon
 * alone, and the line says what to do. With replay, the daemon runs the programs, so
 * they are part of its own time.
 */
static void print_cost(struct json_object *cost, bool replay)
{
	double ns = json_number(cost, "ns_per_event", -1);
	double bpf = replay ? 0 : json_number(cost, "bpf_cpu_percent", -1);
	double cpu = json_number(cost, "daemon_cpu_percent", 0);

	show("cost           ");
	if (ns >= 0)
		show("%.0f ns/event, ", ns);
	else if (json_number(cost, "events_per_second", -1) == 0)
		show("no events, ");
	show("%.1f %% of a CPU%s, ", bpf >= 0 ? cpu + bpf : cpu,
	     bpf >= 0 ? "" : " for paimond alone");
	show("%.1f MiB of maps, %.0f of %.0f descriptors\n",
	     json_number(cost, "map_bytes", 0) / (1 << 20), json_number(cost, "descriptors", 0),
	     json_number(cost, "descriptors_max", 0));
	if (!json_object_get_boolean(json_object_object_get(cost, "run_times")))
		show("               (run times of BPF programs are not measured: sysctl kernel.bpf_stats_enabled=1)\n");
	else if (bpf < 0)
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
	print_cost(json_object_object_get(status, "cost"), json_text(status, "input", NULL));
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
