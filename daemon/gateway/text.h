/* SPDX-License-Identifier: GPL-2.0 */
/* Whole files, and the state by which a change of them is seen. Any thread. */
#ifndef PAIMON_GATEWAY_TEXT_H
#define PAIMON_GATEWAY_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* Reads a regular file of at most max bytes. *ret_text ends with a NUL that is not in *ret_size; it
 * is freed by the caller. 0 or a negative errno. */
int text_read(const char *path, size_t max, char **ret_text, size_t *ret_size);

/* Frees a text that must not stay in memory. NULL: nothing. */
void text_free_secret(char *text, size_t size);

/* Mixes what stat(2) says of a file, wherever symbolic links lead, into a state. path: or NULL. */
void text_mix_state(const char *path, uint64_t *state);

#endif
