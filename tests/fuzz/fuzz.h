/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the fuzz targets share. A target is fuzz-NAME.c: LLVMFuzzerTestOneInput()
 * and its seeds, which seeds.c puts into the folder that tests/fuzz/run names, so
 * that no corpus lies in the tree. What must hold is checked by must(), and by
 * the sanitizers.
 */
#ifndef PAIMON_FUZZ_H
#define PAIMON_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct seed {
	const void *data;
	size_t size;
};

#define SEED(text)                     \
	{                              \
		text, sizeof(text) - 1 \
	}

/* The target's own; ends with a NULL. */
extern const struct seed fuzz_seeds[];

#define must(condition)                                                                         \
	do {                                                                                    \
		if (!(condition)) {                                                             \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                                \
		}                                                                               \
	} while (0)

/*
 * Errors of a file with this content: lines PATH:LINE: what, at most a hundred, in UTF-8; whole: at
 * most so many PATH: what. They are changed.
 */
void must_be_errors(char *errors, const char *path, const uint8_t *data, size_t size, size_t whole);

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
