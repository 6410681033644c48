// SPDX-License-Identifier: GPL-2.0
#include "gzip.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

#define LEVEL 1
#define GZIP_WINDOW (MAX_WBITS + 16) /* 16: with the header and the trailer of gzip */

int gzip_buffer(struct buffer *buffer)
{
	z_stream stream = {.next_in = (Bytef *)buffer->data, .avail_in = buffer->size};
	size_t bound;
	char *packed;
	int r;

	if (buffer->size > UINT_MAX / 2)
		return -EFBIG;
	if (deflateInit2(&stream, LEVEL, Z_DEFLATED, GZIP_WINDOW, MAX_MEM_LEVEL,
			 Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	bound = deflateBound(&stream, buffer->size);
	packed = malloc(bound);
	stream.next_out = (Bytef *)packed;
	stream.avail_out = bound;
	r = packed && deflate(&stream, Z_FINISH) == Z_STREAM_END ? 0 : -ENOMEM;
	deflateEnd(&stream);
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
