// SPDX-License-Identifier: GPL-2.0
/*
 * paimon-event-rules [FOLDER...]: prints the recording rules of Prometheus for the event sets in
 * folders, or those of this machine. Exit status 0, 1 (failed) or 2 (usage).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../util/system_pmu.h"
#include "rules.h"

/* folders: NULL-terminated; without any, those of this machine. */
static int print_rules(const char *const *folders)
{
	_cleanup_(event_sets_freep) struct event_sets *sets = NULL;
	_cleanup_free_ char *errors = NULL, *text = NULL;
	struct buffer buffer = {};
	char *rest, *line;
	int r = *folders ? event_sets_load(folders, &sets, &errors)
			 : system_pmu_event_sets(&sets, &errors);

	if (r < 0 || errors) {
		rest = errors ?: strerror(-r);
		while ((line = strsep(&rest, "\n")))
			fprintf(stderr, "paimon-event-rules: %s\n", line);
		return 1;
	}
	event_rules(&buffer, sets);
	text = buffer_take_string(&buffer);
	if (!text) {
		fprintf(stderr, "paimon-event-rules: %s\n", strerror(ENOMEM));
		return 1;
	}
	if (fputs(text, stdout) == EOF || fflush(stdout)) {
		fprintf(stderr, "paimon-event-rules: cannot write the rules: %s\n",
			strerror(errno));
		return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	static const char usage[] = "paimon-event-rules [FOLDER]...\n";

	for (int i = 1; i < argc; i++) {
		if (argv[i][0] != '-')
			continue;
		if (!strcmp(argv[i], "--help")) {
			fputs(usage, stdout);
			return fflush(stdout) ? 1 : 0;
		}
		fputs(usage, stderr);
		return 2;
	}
	return print_rules((const char *const *)argv + 1);
}
