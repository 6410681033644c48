// SPDX-License-Identifier: GPL-2.0
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../util/cleanup.h"

int text_read(const char *path, size_t max, char **ret_text, size_t *ret_size)
{
	/* Not to wait for the writer of a pipe. */
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	size_t size = 0;
	char *text;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	text = malloc(max + 2);
	if (!text)
		return -ENOMEM;
	while (size <= max && (n = read(fd, text + size, max + 1 - size))) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			n = -errno;
			text_free_secret(text, size);
			return n;
		}
		size += n;
	}
	if (size > max) {
		text_free_secret(text, size);
		return -EFBIG;
	}
	text[size] = '\0';
	*ret_text = text;
	*ret_size = size;
	return 0;
}

void text_free_secret(char *text, size_t size)
{
	if (text)
		explicit_bzero(text, size);
	free(text);
}

/* FNV-1a. */
static void mix(uint64_t *state, uint64_t value)
{
	for (int i = 0; i < 8; i++)
		*state = (*state ^ (value >> 8 * i & 0xff)) * 0x100000001b3ULL;
}

void text_mix_state(const char *path, uint64_t *state)
{
	struct stat st;

	if (!path)
		return;
	if (stat(path, &st) < 0) {
		mix(state, errno);
		return;
	}
	mix(state, st.st_dev);
	mix(state, st.st_ino);
	mix(state, st.st_mode);
	mix(state, st.st_uid);
	mix(state, st.st_gid);
	mix(state, st.st_size);
	mix(state, st.st_mtim.tv_sec);
	mix(state, st.st_mtim.tv_nsec);
	mix(state, st.st_ctim.tv_sec);
	mix(state, st.st_ctim.tv_nsec);
}
