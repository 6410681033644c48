// SPDX-License-Identifier: GPL-2.0
/*
 * A configuration file of any content: either all values are in their ranges, or
 * there is one line that names a line of the file.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "config.h"
#include "fuzz.h"
#include "serve/listen.h"

const struct seed fuzz_seeds[] = {
	SEED("[paimond]\nstate_dir = /sys/fs/bpf/x\nsocket=/run/x\nlisten = [::1]:1\n"
	     "allowed_hosts = a, b.example\n"),
	SEED("; comment\n[iopf]\nenable = yes\nbackend = kprobe\nmax_devices = 1024\n"
	     "group_timeout = 0.5\ninclude = 0000:* [!a-z]?\nexclude = \\*\n"),
	SEED("[paimond]\nlisten = no\n[iopf]\nenable: auto # why\nbackend = fentry\n"),
	SEED("[iopf]\ngroup_timeout = 86400\n  0\n[iopf\nmax_devices = 0\nmax_devices\n"),
	SEED("\xef\xbb\xbf[iopf]\r\nenable = no\r\nbackend = paimon.ko\r\nbackend = auto\r\n"),
	{},
};

static void check(const struct config *config)
{
	must(config->state_dir[0] == '/' && config->socket[0] == '/');
	must(!config->listen || listen_tcp_valid(config->listen));
	must(config->iopf <= SOURCE_NO && config->iopf_backend <= IOPF_BACKEND_AUTO);
	must(config->iopf_max_devices >= 1 && config->iopf_max_devices <= 1024);
	must(config->iopf_group_timeout_ns <= 86400000000000);
	for (char **host = config->allowed_hosts; host && *host; host++)
		must(**host && !strpbrk(*host, " ,"));
	config_serves(config->iopf_include, config->iopf_exclude, "0000:00:01.0");
	must(!config->iopf_exclude || !*config->iopf_exclude ||
	     strcmp(config->iopf_exclude[0], "*") ||
	     !config_serves(config->iopf_include, config->iopf_exclude, "soft0"));
}

static void check_error(const char *error, const char *path, const uint8_t *data, size_t size)
{
	size_t length = strlen(path), lines = 1;
	unsigned long line;
	char *end;

	must(!strncmp(error, path, length) && error[length] == ':');
	must(!strchr(error, '\n'));
	line = strtoul(error + length + 1, &end, 10);
	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n';
	must(line >= 1 && line <= lines);
	must(end[0] == ':' && end[1] == ' ' && end[2]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	static char path[32];
	struct config *config = NULL;
	char *error = NULL;
	int r;

	if (fd < 0) {
		fd = memfd_create("paimond.conf", MFD_CLOEXEC);
		must(fd >= 0);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	must(!ftruncate(fd, 0) && pwrite(fd, data, size, 0) == (ssize_t)size);
	r = config_load(path, true, &config, &error);
	if (r < 0) {
		must(r == -EINVAL && !config && error);
		check_error(error, path, data, size);
		free(error);
	} else {
		must(config && !error);
		check(config);
		config_free(config);
	}
	return 0;
}
