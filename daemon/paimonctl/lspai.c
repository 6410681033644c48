// SPDX-License-Identifier: GPL-2.0
/*
 * paimonctl lspai: PAI counters with the options and the output of lspai(8), for scripts that
 * were written for it. It opens no perf events: paimond counts already.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../util/cleanup.h"
#include "command.h"
#include "view/pai_csv.h"
#include "view/table.h"

#define SETS "crypto nnpa"

struct settings {
	struct pai_csv csv;
	bool delta;
	unsigned long seconds, loops;
};

/* Parses a whole number from 1 to INT_MAX, which any time_t holds. */
static int take_number(const char *option, const char *value, unsigned long *ret_number)
{
	unsigned long number;
	char *end;

	errno = 0;
	number = strtoul(value, &end, 10);
	if (errno || *end || *value < '0' || *value > '9' || !number || number > INT_MAX) {
		complain("lspai: -%s %s: not a whole number from 1 to %d", option, value, INT_MAX);
		return EXIT_USAGE;
	}
	*ret_number = number;
	return 0;
}

static int take(int key, const char *value, void *user)
{
	struct settings *settings = user;

	switch (key) {
	case 'a':
		settings->csv.each_cpu = true;
		return 0;
	case 'd':
		settings->delta = true;
		return 0;
	case 'n':
		settings->csv.by_number = true;
		return 0;
	case 's':
		settings->csv.short_names = true;
		return 0;
	case 'x':
		settings->csv.number = PAI_CSV_HEX;
		return 0;
	case 'X':
		settings->csv.number = PAI_CSV_HEX_0X;
		return 0;
	case 'i':
		return take_number("i", value, &settings->seconds);
	case 'l':
		return take_number("l", value, &settings->loops);
	}
	settings->csv.pmus = !strcmp(value, "nnpa")	? PAI_CSV_NNPA
			     : !strcmp(value, "crypto") ? PAI_CSV_CRYPTO
							: 0;
	return settings->csv.pmus ? 0 : complain_word("lspai: no such counter set", value, SETS);
}

static int print_lines(const struct settings *settings, struct json_object *before,
		       struct json_object *now, bool first)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int r = -ENOMEM;

	if (out) {
		if (first)
			pai_csv_heading(&settings->csv, out);
		r = pai_csv_lines(&settings->csv, before, now,
				  settings->delta && !first ? "Delta" : "Total", out);
		fclose(out);
	}
	if (r < 0 || !text)
		return complain("%s", strerror(ENOMEM));
	print_text(text, size);
	return output_flush() ? EXIT_DONE : EXIT_FAILED;
}

static int run(struct context *context, int argc, char **argv)
{
	struct settings settings = {.csv.pmus = PAI_CSV_CRYPTO | PAI_CSV_NNPA,
				    .seconds = 60,
				    .loops = 1};
	struct json_object *first, *before, *now;
	int r = command_options(context, &command_lspai, argc, argv, take, &settings);

	if (r >= 0)
		return r;
	if (context->json)
		return complain("lspai: --json: use paimonctl stat --pmu pai_ext --json"),
		       EXIT_USAGE;
	settings.csv.cpus_text = context->arguments[0];
	r = get_json(context, "/v1/snapshot", &first);
	if (r)
		return r;
	r = pai_csv_open(&settings.csv, first);
	if (r == -EINVAL)
		r = (complain("lspai: %s: not a list of CPUs of this machine, such as 0-3,8",
			      context->arguments[0]),
		     EXIT_USAGE);
	else if (r == -ENODATA || (!r && !sample_source_up(first, "pai")))
		r = complain(
			"lspai: paimond counts no PAI counters here (paimonctl check shows why)");
	else if (r < 0)
		r = complain("%s", strerror(-r));
	before = json_object_get(first);
	r = r ?: print_lines(&settings, before, first, true);
	for (unsigned long i = 1; i < settings.loops && !r; i++) {
		struct timespec pause = {.tv_sec = (time_t)settings.seconds};

		while (clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, &pause) == EINTR)
			;
		r = get_json(context, "/v1/snapshot", &now);
		if (r)
			break;
		r = print_lines(&settings, settings.delta ? before : first, now, false);
		json_object_put(before);
		before = now;
	}
	pai_csv_close(&settings.csv);
	json_object_put(before);
	json_object_put(first);
	return r;
}

static const struct option_row options[] = {
	{0, NULL, "CPULIST", "only these CPUs, such as 0-3,8", NULL},
	{'a', "allcpu", NULL, "also a line for each CPU", NULL},
	{'d', "delta", NULL, "what was counted since the line before, not since the first", NULL},
	{'i', "interval", "SECONDS", "time between lines (default 60)", NULL},
	{'l', "loops", "COUNT", "number of lines (default 1)", NULL},
	{'n', "numeric", NULL, "columns in the order of the numbers, not of the names", NULL},
	{'s', "short", NULL, "headings such as N1, not NNPA_ADD(1)", NULL},
	{'t', "type", "TYPE", "crypto or nnpa (default: both)", SETS},
	{'x', "hex", NULL, "hexadecimal numbers", NULL},
	{'X', "hex0x", NULL, "the same with 0x", NULL},
	{},
};

const struct command command_lspai = {
	.name = "lspai",
	.summary = "Prints PAI counters (NNPA, crypto) with the options of lspai of s390-tools",
	.arguments = "[CPULIST]",
	.max = 1,
	.options = options,
	.run = run,
};
