// SPDX-License-Identifier: GPL-2.0
/*
 * An event specification against a PMU whose files hold anything. The input is the
 * text and the files below, each ended by a NUL. Either the canonical text means the
 * same event, or there is one line that says what is wrong.
 */
#include <ctype.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/helpers.h"
#include "fuzz.h"
#include "util/cpulist.h"
#include "util/event_spec.h"

static const char *const files[] = {
	"pmus/p/format/a",	 "pmus/p/format/b",	     "pmus/p/events/e",
	"pmus/p/events/e.scale", "pmus/p/cpumask",	     "pmus/p/type",
	"events/s/t/id",	 "pmus/uncore_b_0/format/a", "pmus/uncore_b_0/cpus",
	"pmus/uncore_b_0/type",	 "pmus/b1/format/a",	     "pmus/b1/cpus",
	"pmus/b1/type",
};
static const char *const folders[] = {
	"pmus",		  "pmus/p",	"pmus/p/format",   "pmus/p/events",	     "events",
	"events/s",	  "events/s/t", "pmus/uncore_b_0", "pmus/uncore_b_0/format", "pmus/b1",
	"pmus/b1/format",
};

#define NR(array) (sizeof(array) / sizeof(*(array)))

const struct seed fuzz_seeds[] = {
	SEED("p/a=1,b=0x2/\0config:0-7,32-35\n\0config1:63\n\0a=1,b\n\0"
	     "2.5e-10\n\0000-3,8\n\00010\n\0001\n"),
	SEED("p/e,b=3/\0config2:1-2\n\0config3:0-63\n\0a=?,b=2,config1=07\n\0001\n\0\n\0000x1\n\0"),
	SEED("p/e/\0config:0-7,4-9\n\0config:7-0\n\0a=1,a=2,e\n\0nan\n\0004-3\n\0009\n\0"),
	SEED("s:t\0\0\0\0\0\0\000316\n"),
	SEED("r1a2:uk\0"),
	SEED("faults\0"),
	SEED("L1-dcache-load-misses:G\0"),
	SEED(" p / r3c , E , event=e / h\0config4:0-7\n\0config:3\n\0r1a2,b\n\0001\n\0\n\0003\n\0"),
	SEED("b/a=010/H\0\0\0\0\0\0\0\0config:0-7\n\0000-1\n\0004\n\0config:0-7\n\0002\n\0005\n\0"),
	{},
};

static char folder[] = "/tmp/fuzz-spec-XXXXXX";
static char pmus[64], tracepoints[64];
static int fds[NR(files)];

static void remove_folder(void)
{
	remove_tree(folder);
}

static void make_folder(void)
{
	int root;

	must(mkdtemp(folder));
	atexit(remove_folder);
	snprintf(pmus, sizeof(pmus), "%s/pmus", folder);
	snprintf(tracepoints, sizeof(tracepoints), "%s/events", folder);
	root = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(root >= 0);
	for (size_t i = 0; i < NR(folders); i++)
		must(!mkdirat(root, folders[i], 0700));
	for (size_t i = 0; i < NR(files); i++) {
		fds[i] = openat(root, files[i], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		must(fds[i] >= 0);
	}
	close(root);
}

static void check_cpus(const char *text)
{
	unsigned int *cpus;
	size_t nr;
	char *end;

	must(!cpulist_parse(text, 65535, &cpus, &nr));
	end = cpulist_format(cpus, nr);
	must(end && !strcmp(end, text));
	free(end);
	free(cpus);
}

static void check(const struct event_spec *spec)
{
	struct event_spec *again;
	char *error = NULL, *end;

	must(isfinite(strtod(spec->scale, &end)) && !*end);
	must(spec->cpus || !spec->uncore);
	if (spec->cpus)
		check_cpus(spec->cpus);
	for (size_t i = 0; i < spec->nr_pmus; i++) {
		must(*spec->pmus[i].name && (spec->pmus[i].cpus || !spec->pmus[i].uncore));
		if (spec->pmus[i].cpus)
			check_cpus(spec->pmus[i].cpus);
	}
	must(!event_spec_parse(pmus, tracepoints, spec->text, &again, &error));
	must(!strcmp(again->text, spec->text) && !strcmp(again->scale, spec->scale));
	must(again->type == spec->type && again->config == spec->config);
	must(again->config1 == spec->config1 && again->config2 == spec->config2);
	must(again->config3 == spec->config3 && again->config4 == spec->config4);
	must(again->exclude == spec->exclude && again->level == spec->level);
	must(again->nr_pmus == spec->nr_pmus && again->core == spec->core);
	event_spec_free(again);
	/* What is set last, is so. */
	if (!event_spec_set(spec->text, "config=5", &end)) {
		must(strstr(end, "config=5"));
		free(end);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size), *error = NULL;
	size_t used = strlen(text);
	struct event_spec *spec;

	if (!*fds)
		make_folder();
	for (size_t i = 0; i < NR(files); i++) {
		const uint8_t *start = data + used + (used < size);
		size_t left = data + size - start, length = strnlen((const char *)start, left);

		must(!ftruncate(fds[i], 0));
		must(pwrite(fds[i], start, length, 0) == (ssize_t)length);
		used = start - data + length;
	}
	if (!event_spec_parse(pmus, tracepoints, text, &spec, &error)) {
		must(!error);
		check(spec);
		event_spec_free(spec);
		/* What a machine takes is good syntax. */
		must(!event_spec_check(text, &error) && !error);
	} else {
		must(error && *error);
		for (char *c = error; *c; c++)
			must(isprint((unsigned char)*c));
		free(error);
	}
	free(text);
	return 0;
}
