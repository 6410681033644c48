// SPDX-License-Identifier: GPL-2.0
/* paimonctl status: what paimond is and does, and how each source is. */
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "command.h"
#include "escape.h"
#include "table.h"

static void print_uptime(double seconds)
{
	unsigned long long s = seconds;

	if (s >= 86400)
		printf("up %llu d %llu h", s / 86400, s / 3600 % 24);
	else if (s >= 3600)
		printf("up %llu h %llu min", s / 3600, s / 60 % 60);
	else if (s >= 60)
		printf("up %llu min %llu s", s / 60, s % 60);
	else
		printf("up %llu s", s);
}

static void print_source(struct json_object *source)
{
	time_t attached = json_number(source, "attached_timestamp_seconds", 0);
	const char *reason = json_text(source, "reason", "");
	char since[32] = "-";

	if (attached)
		strftime(since, sizeof(since), "%F %T", localtime(&attached));
	printf("%-8s  %-6s  %-10s  %-19s  ", json_text(source, "name", "?"),
	       json_text(source, "state", "?"), json_text(source, "backend", "-"), since);
	if (json_object_get_boolean(json_object_object_get(source, "adopted")))
		printf("adopted%s", *reason ? "; " : "");
	puts(reason);
}

/*
 * What paimon costs right now. Without run times the CPU is that of the daemon
 * alone, and the line says what to do. Replay runs the programs itself: they are
 * part of its own time.
 */
static void print_cost(struct json_object *cost, bool replay)
{
	double ns = json_number(cost, "ns_per_event", -1);
	double bpf = replay ? 0 : json_number(cost, "bpf_cpu_percent", -1);
	double cpu = json_number(cost, "daemon_cpu_percent", 0);

	printf("cost           ");
	if (ns >= 0)
		printf("%.0f ns/event, ", ns);
	else if (json_number(cost, "events_per_second", -1) == 0)
		printf("no events, ");
	printf("%.1f %% of a CPU%s, ", bpf >= 0 ? cpu + bpf : cpu,
	       bpf >= 0 ? "" : " for paimond alone");
	printf("%.1f MiB of maps, %.0f of %.0f descriptors\n",
	       json_number(cost, "map_bytes", 0) / (1 << 20), json_number(cost, "descriptors", 0),
	       json_number(cost, "descriptors_max", 0));
	if (!json_object_get_boolean(json_object_object_get(cost, "run_times")))
		puts("               (run times of BPF programs are off: sysctl "
		     "kernel.bpf_stats_enabled=1 turns them on)");
	else if (bpf < 0)
		puts("               (run times of BPF programs come within ten seconds)");
}

/* Where metrics are served to whoever asks: a warning where that may be another machine. */
static void print_listen(struct json_object *listen)
{
	for (size_t i = 0;
	     json_object_is_type(listen, json_type_array) && i < json_object_array_length(listen);
	     i++) {
		struct json_object *one = json_object_array_get_idx(listen, i);
		char *address = escape_terminal(json_text(one, "address", "?"));

		printf("%-13s  %s%s\n", i ? "" : "listen", address ?: "?",
		       json_object_get_boolean(json_object_object_get(one, "loopback"))
			       ? ""
			       : ": WARNING: other machines can read what is served there, "
				 "without a password");
		free(address);
	}
}

/* What is counted is then short of what was. */
static void print_misses(struct json_object *cost)
{
	double misses = json_number(cost, "recursion_misses", 0);

	if (misses > 0)
		printf("MISSED         %.0f events: a program was running on their CPU already\n"
		       "               (" MISSES_NEXT ")\n",
		       misses);
}

static int run(struct context *context, int argc, char **argv)
{
	struct json_object *status, *config, *sources;
	int r = command_options(context, &command_status, argc, argv, "", NULL, NULL, NULL);

	if (r < 0)
		r = get_json(context, "/v1/status", &status);
	else
		return r;
	if (r)
		return r;
	if (context->json)
		return print_json(status);
	printf("paimond %s, revision %s, pid %.0f, ", json_text(status, "version", "?"),
	       json_text(status, "revision", "?"), json_number(status, "pid", 0));
	print_uptime(json_number(status, "uptime_seconds", 0));
	puts("");
	if (json_text(status, "input", NULL))
		puts("input          REPLAY: made-up input, nothing of this is real");
	config = json_object_object_get(status, "config");
	printf("configuration  %s%s\n", json_text(config, "path", "-"),
	       json_object_get_boolean(json_object_object_get(config, "last_reload_successful"))
		       ? ""
		       : " (the last reload failed: the one before is in force)");
	printf("state          %s\n", json_text(status, "state_dir", "none is kept"));
	print_listen(json_object_object_get(status, "listen"));
	print_cost(json_object_object_get(status, "cost"), json_text(status, "input", NULL));
	print_misses(json_object_object_get(status, "cost"));
	puts("");
	printf("%-8s  %-6s  %-10s  %-19s  %s\n", "SOURCE", "STATE", "BACKEND", "SINCE", "NOTE");
	sources = json_object_object_get(status, "sources");
	for (size_t i = 0; sources && i < json_object_array_length(sources); i++)
		print_source(json_object_array_get_idx(sources, i));
	json_object_put(status);
	return EXIT_DONE;
}

const struct command command_status = {
	.name = "status",
	.summary = "Shows how paimond and its sources are",
	.options = "",
	.run = run,
};
