// SPDX-License-Identifier: GPL-2.0
/*
 * paimond: the command line. Exit status 0, 1 (failed) or 2 (usage).
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "daemon.h"
#include "util/cleanup.h"
#include "util/event_set.h"
#include "util/standard.h"
#include "util/system_pmu.h"
#include "version.h"

#define DEFAULT_REPLAY_RATE 5000

static const char usage[] =
	"paimond [OPTION]...\n"
	"\n"
	"  --config FILE               instead of " CONFIG_PATH "\n"
	"  --replay[=GROUPS_PER_SECOND]  serve a synthetic load, run through the BPF programs\n"
	"                              on this kernel, without module or device\n"
	"  --check-config              check the configuration and the event sets, print their\n"
	"                              errors, and exit\n"
	"  --version\n"
	"  --help\n";

/* Prints a text of one line or more. */
static void print_errors(const char *errors)
{
	for (int length; *errors; errors += length + (errors[length] == '\n')) {
		length = strcspn(errors, "\n");
		fprintf(stderr, "paimond: %.*s\n", length, errors);
	}
}

/* Checks the configuration and the event sets. */
static int check_config(const struct daemon_options *options)
{
	_cleanup_free_ char *error = NULL, *errors = NULL;
	_cleanup_(event_sets_freep) struct event_sets *sets = NULL;
	struct config *config = NULL;
	int r = config_load(options->config_path, options->config_required, &config, &error);
	int r_sets = system_pmu_event_sets(&sets, &errors);

	config_free(config);
	if (r < 0)
		print_errors(error ?: strerror(-r));
	if (r_sets < 0 || errors)
		print_errors(errors ?: strerror(-r_sets));
	return r < 0 || r_sets < 0 || errors ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int finish_output(void)
{
	if (!fflush(stdout))
		return EXIT_SUCCESS;
	fprintf(stderr, "paimond: cannot write the output: %s\n", strerror(errno));
	return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	static const struct option long_options[] = {
		{"config", required_argument, NULL, 'c'}, {"replay", optional_argument, NULL, 'r'},
		{"check-config", no_argument, NULL, 'k'}, {"version", no_argument, NULL, 'v'},
		{"help", no_argument, NULL, 'h'},	  {},
	};
	struct daemon_options options = {
		.config_path = CONFIG_PATH,
		.replay_rate = DEFAULT_REPLAY_RATE,
	};
	bool check = false;
	char *end;
	int c;

	/* Otherwise one of its sockets may get the number of stderr. */
	if (standard_open() < 0)
		return EXIT_FAILURE;
	while ((c = getopt_long(argc, argv, "", long_options, NULL)) >= 0) {
		switch (c) {
		case 'c':
			options.config_path = optarg;
			options.config_required = true;
			break;
		case 'r':
			options.replay = true;
			if (!optarg)
				break;
			options.replay_rate = strtod(optarg, &end);
			if (end == optarg || *end ||
			    !(options.replay_rate >= 1 && options.replay_rate <= 100000)) {
				fprintf(stderr,
					"paimond: --replay=%s: from 1 to 100000 groups per second\n",
					optarg);
				return 2;
			}
			break;
		case 'k':
			check = true;
			break;
		case 'v':
			puts("paimond " PAIMON_VERSION " (" PAIMON_REVISION ")");
			return finish_output();
		case 'h':
			fputs(usage, stdout);
			return finish_output();
		default:
			fputs(usage, stderr);
			return 2;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "paimond: unexpected argument %s\n%s", argv[optind], usage);
		return 2;
	}
	return check ? check_config(&options) : daemon_run(&options);
}
