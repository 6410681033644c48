/* SPDX-License-Identifier: GPL-2.0 */
/* Compresses an answer with libdeflate at its fastest level. One thread: the stream is static. */
#ifndef PAIMON_ENCODE_GZIP_H
#define PAIMON_ENCODE_GZIP_H

#include "../../util/buffer.h"

/* Replaces the contents of the buffer with the compressed form. Returns 0, or a negative errno
 * with the buffer unchanged. */
int gzip_buffer(struct buffer *buffer);

#endif
