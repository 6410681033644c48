// SPDX-License-Identifier: GPL-2.0
#include "perf_file.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../util/fail.h"
#include "../load.h"
#include "perf_file.skel.h"

struct inspect {
	struct perf_file_bpf *bpf;
	struct bpf_link *link;
};

int inspect_new(struct inspect **ret_inspect, char **ret_error)
{
	LIBBPF_OPTS(bpf_object_open_opts, open, .btf_custom_path = "/sys/kernel/btf/vmlinux");
	union bpf_iter_link_info info = {.task = {.tid = gettid()}};
	struct bpf_iter_attach_opts attach;
	struct inspect *inspect = calloc(1, sizeof(*inspect));
	char why[224];
	int r;

	*ret_error = NULL;
	if (!inspect)
		return -ENOMEM;
	/* libbpf refuses padding that is not 0, and LIBBPF_OPTS() leaves it undefined. */
	memset(&attach, 0, sizeof(attach));
	attach.sz = sizeof(attach);
	attach.link_info = &info;
	attach.link_info_len = sizeof(info);
	r = load_begin(NULL);
	if (!r && load_is_locked_down())
		r = -EPERM;
	if (!r)
		inspect->bpf = perf_file_bpf__open_opts(&open);
	if (!r)
		r = inspect->bpf ? perf_file_bpf__load(inspect->bpf) : -errno;
	if (!r) {
		inspect->link = bpf_program__attach_iter(inspect->bpf->progs.perf_file_look,
							 &attach);
		r = inspect->link ? 0 : -errno;
	}
	if (r < 0) {
		inspect_free(inspect);
		load_why(r, why, sizeof(why));
		return fail(ret_error, r,
			    "cannot inspect descriptors with a BPF iterator of task files: %s",
			    why);
	}
	*ret_inspect = inspect;
	return 0;
}

struct inspect *inspect_free(struct inspect *inspect)
{
	if (inspect) {
		bpf_link__destroy(inspect->link);
		perf_file_bpf__destroy(inspect->bpf);
	}
	free(inspect);
	return NULL;
}

/* Only the kernel names a file without a leading slash: a memfd's name has one. */
static bool is_perf_event(int fd)
{
	static const char name[] = "anon_inode:[perf_event]";
	char path[32], target[sizeof(name)];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return readlink(path, target, sizeof(target)) == sizeof(name) - 1 &&
	       !memcmp(target, name, sizeof(name) - 1);
}

/* Runs the program over all files of this thread. */
static int run(struct inspect *inspect)
{
	_cleanup_close_ int fd = bpf_iter_create(bpf_link__fd(inspect->link));
	ssize_t n;
	char none;

	if (fd < 0)
		return fd;
	/* The program writes no output. -EAGAIN: there are very many files; read again to
	 * continue. */
	do {
		n = read(fd, &none, 1);
	} while (n < 0 && (errno == EAGAIN || errno == EINTR));
	return n < 0 ? -errno : 0;
}

int inspect_look(struct inspect *inspect, const int *fds, size_t nr, struct perf_file *ret_files,
		 char **ret_error)
{
	static const struct perf_file unseen;
	int map = bpf_map__fd(inspect->bpf->maps.perf_files), r = 0;
	struct perf_file files[PERF_FILE_MAX];
	size_t put;

	*ret_error = NULL;
	if (!nr || nr > PERF_FILE_MAX)
		return -EINVAL;
	for (put = 0; put < nr && !r; put++) {
		if (!is_perf_event(fds[put])) {
			r = fail(ret_error, -EBADF, "a descriptor is not a perf event: %s",
				 "hand over descriptors from perf_event_open()");
			break;
		}
		if (bpf_map_update_elem(map, &fds[put], &unseen, BPF_ANY) < 0) {
			r = fail(ret_error, -errno, "cannot inspect a descriptor: %s",
				 strerror(errno));
			break;
		}
	}
	if (!r) {
		r = run(inspect);
		if (r < 0)
			fail(ret_error, r, "cannot inspect descriptors: %s", strerror(-r));
	}
	for (size_t i = 0; i < put; i++) {
		if (!r && (bpf_map_lookup_elem(map, &fds[i], &files[i]) < 0 || !files[i].seen))
			r = fail(ret_error, -EIO, "cannot inspect a descriptor: %s",
				 "the kernel does not show it to this process");
		bpf_map_delete_elem(map, &fds[i]);
	}
	for (size_t i = 0; i < nr && !r; i++) {
		/* Older kernels have no name or type for the software clocks; newer ones have a
		 * PMU for each, which is not in sysfs. */
		if (files[i].revoked) {
			strcpy(files[i].pmu, "revoked");
		} else if (files[i].attr_type == PERF_TYPE_SOFTWARE ||
			   !strcmp(files[i].pmu, "cpu_clock") ||
			   !strcmp(files[i].pmu, "task_clock")) {
			strcpy(files[i].pmu, "software");
			files[i].pmu_type = files[i].attr_type = PERF_TYPE_SOFTWARE;
		} else if (!files[i].pmu[0]) {
			strcpy(files[i].pmu, "unnamed");
			files[i].pmu_type = files[i].attr_type;
		}
		ret_files[i] = files[i];
	}
	return r;
}
