// SPDX-License-Identifier: GPL-2.0
#include "gzip.h"

#include <errno.h>
#include <libdeflate.h>
#include <stdlib.h>

#define LEVEL 1

/* Never freed: 0.2 MiB from the first use on. To set it up takes as long as compressing 200
 * series. */
static struct libdeflate_compressor *compressor;

int gzip_buffer(struct buffer *buffer)
{
	size_t bound, size;
	char *packed;

	compressor = compressor ?: libdeflate_alloc_compressor(LEVEL);
	if (!compressor)
		return -ENOMEM;
	bound = libdeflate_gzip_compress_bound(compressor, buffer->size);
	packed = malloc(bound);
	if (!packed)
		return -ENOMEM;
	size = libdeflate_gzip_compress(compressor, buffer->data, buffer->size, packed, bound);
	free(buffer->data);
	buffer->data = packed;
	buffer->size = size;
	buffer->allocated = bound;
	return 0;
}
