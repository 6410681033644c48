// SPDX-License-Identifier: GPL-2.0
#include "gzip.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

#define LEVEL 1
#define GZIP_WINDOW (MAX_WBITS + 16) /* 16: gzip header and trailer */
#define MEMORY_LEVEL 7 /* compresses our texts as well as 9, with half of its memory */

/* Never freed: 192 KiB from the first use on. Its initialization takes nearly as long as
 * compressing 350 series. */
static z_stream stream;

int gzip_buffer(struct buffer *buffer)
{
	size_t bound;
	char *packed;
	int r;

	if (buffer->size > UINT_MAX / 2)
		return -EFBIG;
	r = stream.state ? deflateReset(&stream)
			 : deflateInit2(&stream, LEVEL, Z_DEFLATED, GZIP_WINDOW, MEMORY_LEVEL,
					Z_DEFAULT_STRATEGY);
	if (r != Z_OK)
		return -ENOMEM;
	bound = deflateBound(&stream, buffer->size);
	packed = malloc(bound);
	stream.next_in = (Bytef *)buffer->data;
	stream.avail_in = buffer->size;
	stream.next_out = (Bytef *)packed;
	stream.avail_out = bound;
	r = packed && deflate(&stream, Z_FINISH) == Z_STREAM_END ? 0 : -ENOMEM;
	if (r < 0) {
		free(packed);
		return r;
	}
	free(buffer->data);
	buffer->data = packed;
	buffer->size = stream.total_out;
	buffer->allocated = bound;
	return 0;
}
