// SPDX-License-Identifier: GPL-2.0
#include "process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../util/clock.h"

static const struct metric metric_cpu = {
	.name = "process_cpu_seconds_total",
	.help = "User and system CPU time spent by paimond.",
	.type = METRIC_COUNTER,
};
static const struct metric metric_resident = {
	.name = "process_resident_memory_bytes",
	.help = "Resident memory of paimond, including mapped BPF maps.",
	.type = METRIC_GAUGE,
};
static const struct metric metric_virtual = {
	.name = "process_virtual_memory_bytes",
	.help = "Virtual memory of paimond.",
	.type = METRIC_GAUGE,
};
static const struct metric metric_open_fds = {
	.name = "process_open_fds",
	.help = "Open file descriptors of paimond.",
	.type = METRIC_GAUGE,
};
static const struct metric metric_max_fds = {
	.name = "process_max_fds",
	.help = "Maximum number of open file descriptors of paimond.",
	.type = METRIC_GAUGE,
};
static const struct metric metric_start_time = {
	.name = "process_start_time_seconds",
	.help = "Start of paimond, in seconds since the epoch.",
	.type = METRIC_GAUGE,
};

static int count_fds(uint64_t *ret_nr)
{
	struct stat st;
	uint64_t nr = 0;
	DIR *folder;

	/* Since Linux 6.2 the size of the directory is this number, in a tenth of the time. */
	if (!stat("/proc/self/fd", &st) && st.st_size) {
		*ret_nr = st.st_size;
		return 0;
	}
	folder = opendir("/proc/self/fd");
	if (!folder)
		return -errno;
	while (readdir(folder))
		nr++;
	closedir(folder);
	*ret_nr = nr - 3; /* ., .. and the open directory */
	return 0;
}

/* The age of this process in seconds: field 22 of /proc/self/stat is its start in ticks since
 * boot. The name, field 2, may contain any character. */
static int read_age(double *ret_age)
{
	unsigned long long ticks;
	char line[1024], *end;
	struct timespec boot;
	FILE *stat = fopen("/proc/self/stat", "re");
	bool read = stat && fgets(line, sizeof(line), stat);

	if (stat)
		fclose(stat);
	end = read ? strrchr(line, ')') : NULL;
	if (!end || sscanf(end + 1,
			   " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d"
			   " %*d %*d %*d %*d %llu",
			   &ticks) != 1)
		return -EIO;
	clock_gettime(CLOCK_BOOTTIME, &boot);
	*ret_age = boot.tv_sec + boot.tv_nsec * 1e-9 - (double)ticks / sysconf(_SC_CLK_TCK);
	return 0;
}

int process_measure(struct process *ret_process)
{
	unsigned long long virtual_pages, resident_pages;
	struct process process = {};
	struct rlimit limit;
	static int statm = -1; /* stays open: opening takes longer than reading */
	char line[128];
	ssize_t size;
	int r;

	if (statm < 0)
		statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	size = statm < 0 ? -1 : pread(statm, line, sizeof(line) - 1, 0);
	if (size < 0)
		return -errno;
	line[size] = '\0';
	r = sscanf(line, "%llu %llu", &virtual_pages, &resident_pages) == 2 ? 0 : -EIO;
	if (r < 0 || (r = count_fds(&process.descriptors)) < 0)
		return r;
	getrlimit(RLIMIT_NOFILE, &limit);
	process.descriptors_max = limit.rlim_cur;
	process.resident_bytes = resident_pages * sysconf(_SC_PAGESIZE);
	process.virtual_bytes = virtual_pages * sysconf(_SC_PAGESIZE);
	*ret_process = process;
	return 0;
}

int process_read(struct snapshot *snapshot)
{
	static double start_time; /* read once: it does not change */
	double age = 0;
	struct process process;
	int r = process_measure(&process);

	if (r < 0 || (!start_time && (r = read_age(&age)) < 0))
		return r;
	if (!start_time)
		start_time = clock_ns(CLOCK_REALTIME) * 1e-9 - age;

	snapshot->since_ns = (uint64_t)(start_time * 1e9);
	r = snapshot_add_real(snapshot, &metric_cpu, NULL, 0,
			      clock_ns(CLOCK_PROCESS_CPUTIME_ID) * 1e-9);
	snapshot->since_ns = 0;
	r = r ?: snapshot_add_integer(snapshot, &metric_resident, NULL, 0, process.resident_bytes);
	r = r ?: snapshot_add_integer(snapshot, &metric_virtual, NULL, 0, process.virtual_bytes);
	r = r ?: snapshot_add_integer(snapshot, &metric_open_fds, NULL, 0, process.descriptors);
	r = r ?: snapshot_add_integer(snapshot, &metric_max_fds, NULL, 0, process.descriptors_max);
	r = r ?: snapshot_add_real(snapshot, &metric_start_time, NULL, 0, start_time);
	return r;
}
