/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The counters of pai_crypto and pai_ext as lspai(8) of s390-tools prints them: a column for each
 * counter, with its number, and a line for all CPUs, below those of each CPU if that is asked for.
 */
#ifndef PAIMONCTL_PAI_CSV_H
#define PAIMONCTL_PAI_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct json_object;

enum { PAI_CSV_CRYPTO = 1, PAI_CSV_NNPA = 2 }; /* which PMUs */
enum pai_csv_number { PAI_CSV_DECIMAL, PAI_CSV_HEX, PAI_CSV_HEX_0X };

struct pai_csv {
	/* What to print, set by the caller. */
	int pmus;
	const char *only;      /* the counter of this name, or NULL */
	const char *cpus_text; /* a list such as 0-3,8; NULL: all */
	bool each_cpu, short_names;
	bool by_number; /* sorted by number, not by name */
	enum pai_csv_number number;
	/* Set by pai_csv_open(). */
	struct pai_csv_counter *counters;
	size_t nr_counters;
	unsigned int *cpus;
	size_t nr_cpus;
	bool replay;
};

/* Looks up counters and CPUs. now: an answer of /v1/snapshot. 0, -EINVAL (cpus_text), -ENODATA (no
 * counter) or another negative errno. */
int pai_csv_open(struct pai_csv *csv, struct json_object *now);
void pai_csv_close(struct pai_csv *csv);

void pai_csv_heading(const struct pai_csv *csv, FILE *out);
/* What was counted between two answers; what is the third column of the line for all CPUs. 0 or
 * -ENOMEM. */
int pai_csv_lines(const struct pai_csv *csv, struct json_object *before, struct json_object *now,
		  const char *what, FILE *out);

#endif
