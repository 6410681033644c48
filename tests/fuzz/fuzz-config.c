// SPDX-License-Identifier: GPL-2.0
/*
 * A configuration file of any content: either all values are in their ranges, or
 * there are lines that name lines of the file.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "config/config.h"
#include "model/kept.h"
#include "source/iopf/iopf_source.h"
#include "fuzz.h"
#include "util/address.h"

const struct seed fuzz_seeds[] = {
	SEED("[paimond]\nstate_dir = /sys/fs/bpf/x\nsocket=/run/x\nlisten = [::1]:1\n"
	     "allowed_hosts = a, b.example\n"),
	SEED("[event a]\n\tspec = page-faults\n\tcpus = 0-3,8\n[event b]\nspec = cs\nspec = cs\nby = process\n[event c]\n"
	     "[evnts]\n[events]\nmax = 4096\n"),
	SEED("[paimond]\nhandoff = //run/./x/\nsocket = /run/x\n[pai] x\n[pai\0]\nmode = \"auto\"\n"),
	SEED("; comment\n[iopf]\nenable = yes\nbackend = kprobe\nmax_devices = 1024\n"
	     "group_timeout = 0.5\ninclude = 0000:* [!a-z]?\nexclude = \\*\n"),
	SEED("[paimond]\nlisten = no\n[iopf]\nenable: auto # why\nbackend = fentry\n"),
	SEED("[iopf]\ngroup_timeout = 86400\n  0\n[iopf\nmax_devices = 0\nmax_devices\n"),
	SEED("\xef\xbb\xbf[iopf]\r\nenable = no\r\nbackend = paimon.ko\r\nbackend = auto\r\n"),
	{},
};

static void check(const struct config *config)
{
	struct sockaddr_storage address;
	socklen_t size;

	must(config->state_dir[0] == '/' && config->socket[0] == '/');
	must(strlen(config->socket) <= 107);
	must(!config->handoff || (config->handoff[0] == '/' && strlen(config->handoff) <= 107));
	must(!config->handoff || strcmp(config->handoff, config->socket));
	must(!config->listen || !address_parse(config->listen, &address, &size));
	must(config->iopf <= SOURCE_NO && config->iopf_backend <= IOPF_BACKEND_AUTO);
	must(config->iopf_max_devices >= 1 && config->iopf_max_devices <= 1024);
	must(config->iopf_group_timeout_ns <= 86400000000000);
	must(!config->iopf_group_timeout_ns || config->iopf_group_timeout_ns >= 1000000);
	must(config->events_wanted <= SOURCE_NO && config->pai <= SOURCE_NO);
	must(config->pai_mode <= PAI_SAMPLING && config->pai_backend <= PAI_BACKEND_PERF_EVENT);
	must(config->events_max <= 4096);
	must(config->pai_max_cgroups >= 1 && config->pai_max_cgroups <= 1024);
	for (size_t i = 0; i < config->nr_events; i++) {
		const struct config_event *event = &config->events[i];

		must(config_event_name_valid(event->name) && event->spec && *event->spec);
		must(event->by <= KEPT_BY_PROCESS);
		must(!event->cpus || strspn(event->cpus, "0123456789,-") == strlen(event->cpus));
		for (size_t j = 0; j < i; j++)
			must(strcmp(event->name, config->events[j].name));
	}
	for (char **host = config->allowed_hosts; host && *host; host++)
		must(**host && !strpbrk(*host, " ,"));
	iopf_serves(config->iopf_include, config->iopf_exclude, "0000:00:01.0");
	must(!config->iopf_exclude || !*config->iopf_exclude ||
	     strcmp(config->iopf_exclude[0], "*") ||
	     !iopf_serves(config->iopf_include, config->iopf_exclude, "soft0"));
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
		must_be_errors(error, path, data, size, 0);
		free(error);
	} else {
		must(config && !error);
		check(config);
		config_free(config);
	}
	return 0;
}
