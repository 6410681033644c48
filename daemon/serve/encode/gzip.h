/* SPDX-License-Identifier: GPL-2.0 */
/* Compresses an answer with zlib at its fastest level. One thread: the stream is static. */
#ifndef PAIMON_ENCODE_GZIP_H
#define PAIMON_ENCODE_GZIP_H

#include "../../util/buffer.h"

/* Puts the compressed form in place of what the buffer holds. On failure, a
 * negative errno, the buffer is as it was. */
int gzip_buffer(struct buffer *buffer);

#endif
