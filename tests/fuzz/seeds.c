// SPDX-License-Identifier: GPL-2.0
/* libFuzzer calls this before it reads the corpus: the folder that is its last argument. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *folder = (*argv)[*argc - 1];
	struct stat st;

	if (stat(folder, &st) < 0 || !S_ISDIR(st.st_mode))
		return 0; /* a single input, to be run again */
	for (int i = 0; fuzz_seeds[i].data; i++) {
		char path[4096];
		int fd;

		snprintf(path, sizeof(path), "%s/seed-%d", folder, i);
		fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
		must(fd >= 0);
		must(write(fd, fuzz_seeds[i].data, fuzz_seeds[i].size) ==
		     (ssize_t)fuzz_seeds[i].size);
		close(fd);
	}
	return 0;
}
