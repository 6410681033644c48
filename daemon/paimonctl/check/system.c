// SPDX-License-Identifier: GPL-2.0
/* paimonctl check: file systems, modules, privileges and limits, from files in /proc and /sys. */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <grp.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <linux/perf_event.h>
#include <mntent.h>
#include <paimon/uapi.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../config/config.h"
#include "../../opener/opener.h"
#include "../../source/cspmu/probe.h"
#include "../../source/events/probe.h"
#include "../../source/iopf/probe.h"
#include "../../source/pai/probe.h"
#include "../../util/list.h"
#include "../../util/namespaces.h"
#include "../escape.h"
#include "check.h"

#define SECURE_BOOT "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"

/* Maps, programs and links of the source, standard streams, event loop, sockets; and as many
 * clients as each of the two listeners takes. */
#define OWN_DESCRIPTORS 64
#define CONNECTIONS (2 * 256)

bool check_read(const char *path, char *ret_text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : read(fd, ret_text, size - 1);

	if (fd >= 0)
		close(fd);
	if (length < 0)
		return false;
	ret_text[length] = 0;
	ret_text[strcspn(ret_text, "\n")] = 0;
	return true;
}

/* The number for key in a file with lines "key: number". */
static bool read_field(const char *path, const char *key, const char *format, void *ret_number)
{
	FILE *file = fopen(path, "re");
	char line[256];
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file))
		found = !strncmp(line, key, strlen(key)) &&
			sscanf(line + strlen(key), format, ret_number) == 1;
	if (file)
		fclose(file);
	return found;
}

void check_capabilities(struct check *check)
{
	const uint64_t need = 1ULL << CAP_BPF | 1ULL << CAP_PERFMON;
	uint64_t effective = 0;

	read_field("/proc/self/status", "CapEff:", "%" SCNx64, &effective);
	check->privileged = (effective & need) == need || effective & 1ULL << CAP_SYS_ADMIN;
	if (check->privileged && !namespaces_user_is_initial())
		check_add(
			check, "privileges", CHECK_MISSING, NAMESPACES_USER_NEXT,
			"this user has capabilities in a user namespace only: they permit neither BPF nor perf events");
	else if (check->privileged)
		check_add(check, "privileges", CHECK_OK, NULL,
			  "this user has CAP_BPF and CAP_PERFMON");
	else if (!geteuid())
		check_add(
			check, "privileges", CHECK_MISSING,
			"in a container, add CAP_BPF and CAP_PERFMON to its capabilities, as by docker --cap-add",
			"root lacks CAP_BPF and CAP_PERFMON here");
	else if (!access(CHECK_UNIT, F_OK))
		check_add(
			check, "privileges", CHECK_OK, NULL,
			"this user has none; paimond.service gives paimond CAP_BPF and CAP_PERFMON");
	else
		check_add(
			check, "privileges", CHECK_WARNING,
			"as root: paimond, or install paimond.service (meson install -C build)",
			"this user lacks CAP_BPF and CAP_PERFMON, and paimond.service is not installed");
}

void check_lockdown(struct check *check)
{
	char text[128] = "";

	if (!check_read("/sys/kernel/security/lockdown", text, sizeof(text)) && !check->locked)
		check_add(check, "lockdown", CHECK_OK, NULL,
			  "unknown (%s); the lines below show what works",
			  errno == ENOENT ? "securityfs is not mounted, or not built in"
					  : strerror(errno));
	else if (check->locked || strstr(text, "[confidentiality]"))
		check_add(
			check, "lockdown", CHECK_WARNING,
			"boot with lockdown=integrity on the kernel's command line, if you want these",
			"confidentiality: BPF programs cannot read kernel memory, so page faults are not counted, nothing is attributed to cgroups and processes, and no event is handed over");
	else if (strstr(text, "[integrity]"))
		check_add(check, "lockdown", CHECK_OK, NULL,
			  "integrity: only signed modules can be loaded");
	else
		check_add(check, "lockdown", CHECK_OK, NULL, "none");
}

void check_secure_boot(struct check *check)
{
	char data[8] = "";

	if (access("/sys/firmware/efi", F_OK) < 0)
		check_add(check, "secure boot", CHECK_OK, NULL, "off: not booted by UEFI");
	else if (!check_read(SECURE_BOOT, data, sizeof(data)))
		check_add(check, "secure boot", CHECK_OK, NULL, "unknown: %s", strerror(errno));
	else if (data[4] && !iopf_module_loaded())
		check_add(check, "secure boot", CHECK_WARNING,
			  "to use paimon.ko, sign it and enrol the key: mokutil --import KEY.der",
			  "on: only signed modules can be loaded");
	else
		check_add(check, "secure boot", CHECK_OK, NULL, "%s", data[4] ? "on" : "off");
}

/* Where file systems of a type are mounted: all of them, separated by blanks. */
static bool find_mounts(const char *type, char *ret_where, size_t size)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	struct mntent *entry;
	size_t length = 0;

	*ret_where = 0;
	while (mounts && (entry = getmntent(mounts)) && length < size)
		if (!strcmp(entry->mnt_type, type) && !strstr(ret_where, entry->mnt_dir))
			length += (size_t)snprintf(ret_where + length, size - length, "%s%s",
						   length ? " " : "", entry->mnt_dir);
	if (mounts)
		endmntent(mounts);
	return *ret_where;
}

static bool kernel_has_filesystem(const char *name)
{
	FILE *file = fopen("/proc/filesystems", "re");
	char line[64], have[32];
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file))
		found = sscanf(line, "nodev %31s", have) == 1 && !strcmp(have, name);
	if (file)
		fclose(file);
	return found;
}

void check_bpffs(struct check *check)
{
	char where[256];

	if (find_mounts("bpf", where, sizeof(where)))
		check_add(check, "bpffs", CHECK_OK, NULL, "mounted at %s", where);
	else if (kernel_has_filesystem("bpf"))
		check_add(check, "bpffs", CHECK_MISSING,
			  "as root: mount -t bpf bpf /sys/fs/bpf (systemd does so at boot)",
			  "not mounted");
	else
		check_add(check, "bpffs", CHECK_FATAL,
			  "boot a kernel with CONFIG_BPF_SYSCALL=y (Debian's kernels have it)",
			  "this kernel has no bpffs");
}

/* Is a directory, or its nearest existing parent, in bpffs? */
void check_state_dir(struct check *check)
{
	const char *dir = check->config->state_dir;
	char path[512], *slash;
	struct statfs fs;
	bool there = true;
	int r;

	snprintf(path, sizeof(path), "%s", dir);
	while ((r = statfs(path, &fs)) < 0 && errno == ENOENT && (slash = strrchr(path, '/')) &&
	       slash != path) {
		*slash = 0;
		there = false;
	}
	if (r < 0 && errno == EACCES)
		check_add(check, "state_dir", CHECK_WARNING, "as root: paimonctl check",
			  "%s: this user has no access", dir);
	else if ((check->no_state = r < 0 || (unsigned long)fs.f_type != BPF_FS_MAGIC))
		check_add(
			check, "state_dir", CHECK_MISSING,
			"as root: mount -t bpf bpf /sys/fs/bpf, or set state_dir to a directory in bpffs (paimond.conf(5))",
			"%s is not in bpffs: totals cannot outlive paimond", dir);
	else if (!there && !access(CHECK_UNIT, F_OK))
		check_add(check, "state_dir", CHECK_MISSING, "as root: systemd-tmpfiles --create",
			  "%s does not exist yet", dir);
	else
		check_add(check, "state_dir", CHECK_OK, NULL, "%s%s", dir,
			  there ? "" : ", paimond creates it when it starts");
}

void check_tracefs(struct check *check)
{
	char where[256];

	if (find_mounts("tracefs", where, sizeof(where)) ||
	    (find_mounts("debugfs", where, sizeof(where)) &&
	     !access("/sys/kernel/debug/tracing/events", F_OK)))
		check_add(check, "tracefs", CHECK_OK, NULL, "mounted at %s", where);
	else if (kernel_has_filesystem("tracefs"))
		check_add(
			check, "tracefs", CHECK_WARNING,
			"as root: mount -t tracefs tracefs /sys/kernel/tracing",
			"not mounted: paimond needs it for events that are tracepoints only, perf and bpftrace do too");
	else
		check_add(
			check, "tracefs", CHECK_WARNING,
			"nothing to do; for perf and bpftrace boot a kernel with CONFIG_FTRACE=y",
			"this kernel has none, so tracepoints cannot be counted: paimond needs it for nothing else");
}

/* The path of paimon.ko in the directory of modules, from modules.dep of the running kernel. */
static bool module_installed(char *ret_path, size_t size)
{
	char path[512], *line = NULL, *colon, *name;
	struct utsname uts;
	bool found = false;
	size_t allocated = 0;
	FILE *file;

	uname(&uts);
	snprintf(path, sizeof(path), "/lib/modules/%s/modules.dep", uts.release);
	file = fopen(path, "re");
	while (file && !found && getline(&line, &allocated, file) > 0) {
		colon = strchr(line, ':');
		if (!colon)
			continue;
		*colon = 0;
		name = strrchr(line, '/') ? strrchr(line, '/') + 1 : line;
		found = !strncmp(name, "paimon.ko", strlen("paimon.ko"));
	}
	if (found)
		snprintf(ret_path, size, "/lib/modules/%s/%s", uts.release, line);
	free(line);
	if (file)
		fclose(file);
	return found;
}

void check_module(struct check *check)
{
	char version[64] = "", path[384];

	check->no_modules = access("/proc/modules", F_OK) < 0;
	if (iopf_module_loaded()) {
		check_read("/sys/module/paimon/version", version, sizeof(version));
		check->module = check_tracepoints();
		if (!check->module)
			check_add(
				check, "paimon.ko", CHECK_MISSING,
				"install the module of this version: make -C kmod modules modules_install && depmod, then modprobe -r paimon; modprobe paimon",
				"loaded, version %s, without the tracepoints of %s",
				*version ? version : "unknown", PAIMON_VERSION);
		else if (strcmp(version, PAIMON_VERSION))
			check_add(
				check, "paimon.ko", CHECK_WARNING,
				"as root: systemctl stop paimond; modprobe -r paimon; modprobe paimon; systemctl start paimond",
				"loaded, version %s; paimonctl is " PAIMON_VERSION,
				*version ? version : "unknown");
		else
			check_add(check, "paimon.ko", CHECK_OK, NULL,
				  "loaded, version %s, with its tracepoints", version);
	} else if (module_installed(path, sizeof(path))) {
		check_add(check, "paimon.ko", CHECK_MISSING, "as root: modprobe paimon",
			  "installed, not loaded: %s; needed only if page faults are not counted",
			  path);
	} else if (check->no_modules) {
		check_add(check, "paimon.ko", CHECK_MISSING,
			  "nothing to do: without it paimond uses what the lines below show",
			  "this kernel cannot load modules");
	} else {
		check_add(
			check, "paimon.ko", CHECK_MISSING,
			"in paimon's sources, as root: make -C kmod modules modules_install && depmod",
			"not installed for this kernel");
	}
}

void check_other_modules(struct check *check)
{
	static const char *const names[] = {
		"paimon_soft",	     "paimon_cspmu_mmio", "paimon_cspmu_nvidia", "paimon_cspmu",
		"paimon_drv_config", "paimon_iopf",	  "paimon_pai",
	};
	char loaded[160] = "", path[64];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "/sys/module/%s", names[i]);
		if (!access(path, F_OK))
			list_add(loaded, sizeof(loaded), names[i]);
	}
	if (*loaded)
		check_add(check, "other modules", CHECK_OK, NULL,
			  "%s: for driver developers, not needed in production", loaded);
	else
		check_add(check, "other modules", CHECK_OK, NULL,
			  "none loaded, none needed: all but paimon.ko are for driver developers");
}

void check_iopf(struct check *check)
{
	const bool works[IOPF_NR_BACKENDS] = {
		[IOPF_BACKEND_FENTRY] = check->fentry,
		[IOPF_BACKEND_KPROBE_MULTI] = check->kprobe_multi,
		[IOPF_BACKEND_KPROBE] = check->kprobe,
	};
	const enum iopf_backend *order = iopf_backend_order(check->preempts);
	enum iopf_backend best = check->module && !check->locked ? IOPF_BACKEND_MODULE
								 : IOPF_NR_BACKENDS;
	const char *backend;

	for (int i = 0; i < IOPF_NR_FUNCTION_BACKENDS && check->functions && !check->locked; i++)
		if (best == IOPF_NR_BACKENDS && works[order[i]])
			best = order[i];
	backend = best < IOPF_NR_BACKENDS ? iopf_backend_names[best] : NULL;

	check->backend = backend ? best : IOPF_BACKEND_MODULE;
	check->iopf = backend || (check->functions && !check->privileged);
	if (backend)
		check_add(check, "page faults", CHECK_OK, NULL, "counted with %s%s", backend,
			  check->module ? ""
					: ": those of devices that use the kernel's own handler");
	else if (check->locked)
		check_add(check, "page faults", CHECK_MISSING, "see lockdown",
			  "cannot be counted: BPF programs cannot read kernel memory");
	else if (check->iopf)
		check_add(check, "page faults", CHECK_WARNING, "as root: paimonctl check",
			  "unknown: attaching was not tried");
	else
		check_add(
			check, "page faults", CHECK_MISSING,
			check->no_modules
				? "boot a kernel with modules (Debian's kernels have them); for synthetic metrics: paimond --replay"
				: "load paimon.ko (see there); for synthetic metrics: paimond --replay",
			"cannot be counted: neither paimon.ko nor kernel functions to attach to");
}

void check_pmus(struct check *check)
{
	static const char *const wanted[] = {"pai_ext", "pai_crypto", "arm_cspmu*", "nvidia*"};
	DIR *dir = opendir("/sys/bus/event_source/devices");
	char found[256] = "";
	struct dirent *entry;
	size_t others = 0;

	if (!dir) {
		check_add(check, "PMUs", CHECK_WARNING,
			  "boot a kernel with CONFIG_PERF_EVENTS=y, if you want them",
			  "no /sys/bus/event_source/devices: %s", strerror(errno));
		return;
	}
	while ((entry = readdir(dir))) {
		bool matches = false;
		char *name;

		if (entry->d_name[0] == '.')
			continue;
		for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
			matches |= !fnmatch(wanted[i], entry->d_name, 0);
		name = matches ? escape_terminal(entry->d_name) : NULL;
		if (name && strlen(found) + strlen(name) + 3 < sizeof(found))
			strcat(strcat(found, name), ", ");
		else
			others++;
		free(name);
	}
	closedir(dir);
	check_add(check, "PMUs", CHECK_OK, NULL, "%s%zu other%s (paimonctl list)",
		  *found ? found : "none of an accelerator or a CoreSight system; ", others,
		  others == 1 ? "" : "s");
}

/* Can event set change events of paimon's PMUs while they count? Without such a PMU there is no
 * finding. */
void check_live(struct check *check)
{
	const struct group *operators = getgrnam("paimon");
	struct stat st;

	if (stat(PAIMON_DEVICE, &st) < 0) {
		if (!access("/sys/class/paimon_cspmu", F_OK))
			check_add(check, "live config", CHECK_WARNING,
				  "as root: modprobe paimon_drv_config",
				  "no " PAIMON_DEVICE ": event set reopens events");
		return;
	}
	if (operators && st.st_gid == operators->gr_gid && (st.st_mode & 060) == 060)
		check_add(
			check, "live config", CHECK_OK, NULL,
			PAIMON_DEVICE
			": event set changes config1 to config3 of events of paimon's PMUs while they count");
	else
		check_add(
			check, "live config", CHECK_WARNING,
			"as root: udevadm trigger " PAIMON_DEVICE,
			PAIMON_DEVICE
			" is not for group paimon, so paimond cannot use it: event set reopens events");
}

void check_descriptors(struct check *check)
{
	const rlim_t need = OWN_DESCRIPTORS + CONNECTIONS +
			    (check->config->events_wanted == SOURCE_NO
				     ? 0
				     : events_max_slots(check->config, get_nprocs_conf()));
	char next[160];
	struct rlimit limit = {};

	getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_max >= need) {
		check_add(check, "descriptors", CHECK_OK, NULL,
			  "%ju needed, %ju allowed here; 65536 with paimond.service",
			  (uintmax_t)need, (uintmax_t)limit.rlim_max);
		return;
	}
	snprintf(
		next, sizeof(next),
		"ulimit -n %ju before paimond is started, or let systemd start it (%s LimitNOFILE=65536)",
		(uintmax_t)need, need > 65536 ? "with more than" : "which has");
	check_add(check, "descriptors", CHECK_WARNING, next, "%ju needed, %ju allowed here",
		  (uintmax_t)need, (uintmax_t)limit.rlim_max);
}

/* The maximum size of all maps in bytes. */
static uint64_t map_bytes(const struct check *check)
{
	const struct config *config = check->config;
	uint32_t type, nr_cpus = get_nprocs_conf();
	bool own;

	return iopf_map_bytes(config) + events_map_bytes(config, nr_cpus) +
	       (pai_find_pmu("pai_ext", &type, &own) ? 0 : pai_map_bytes(config, nr_cpus)) +
	       (check->cspmu ? cspmu_map_bytes(check->cspmu_max) : 0);
}

/* The memory limit of the cgroup of this process, as in a container; UINT64_MAX: no limit. */
static uint64_t group_memory(void)
{
	char group[256] = "", path[512], limit[32];

	if (!read_field("/proc/self/cgroup", "0::", "%255s", group))
		return UINT64_MAX;
	snprintf(path, sizeof(path), "/sys/fs/cgroup%s/memory.max", group);
	if (!check_read(path, limit, sizeof(limit)) || !strcmp(limit, "max"))
		return UINT64_MAX;
	return strtoull(limit, NULL, 10);
}

void check_memory(struct check *check)
{
	uint64_t need = map_bytes(check), available = 0, group = group_memory();

	if (!read_field("/proc/meminfo", "MemAvailable:", "%" SCNu64, &available))
		return;
	available *= 1024;
	if (group < available)
		available = group;
	if (available / 2 > need)
		check_add(check, "memory", CHECK_OK, NULL,
			  "%.1f MiB needed for maps, %.0f MiB available", need / 0x1p20,
			  available / 0x1p20);
	else
		check_add(check, "memory", CHECK_WARNING,
			  "free some memory, or set a smaller max_devices (paimond.conf(5))",
			  "%.1f MiB needed for maps, %.1f MiB available", need / 0x1p20,
			  available / 0x1p20);
}

/* Opens a perf event as paimond does: with its two capabilities alone. 0 or a negative errno. */
static int try_perf_event(void)
{
	const uint32_t own = CAP_TO_MASK(CAP_BPF) | CAP_TO_MASK(CAP_PERFMON);
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {
		[CAP_TO_INDEX(CAP_BPF)] = {.effective = own, .permitted = own},
	};
	struct perf_event_attr attr = {.size = sizeof(attr),
				       .type = PERF_TYPE_SOFTWARE,
				       .config = PERF_COUNT_SW_DUMMY};
	pid_t child = fork();
	int status;

	static_assert(CAP_TO_INDEX(CAP_BPF) == CAP_TO_INDEX(CAP_PERFMON), "one element has both");
	if (!child)
		_exit(syscall(SYS_capset, &header, data) < 0 ||
				      syscall(SYS_perf_event_open, &attr, -1, sched_getcpu(), -1,
					      0UL) < 0
			      ? errno
			      : 0);
	if (child < 0 || waitpid(child, &status, 0) < 0)
		return -errno;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -ECHILD;
}

/* Does somebody listen at the socket of paimon-opener? Its file stays when nobody does any more. */
static bool opener_listens(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = OPENER_SOCKET};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	int r = fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno
											: 0;

	if (fd >= 0)
		close(fd);
	return !r || r == -EACCES; /* it is for paimond */
}

void check_sysctls(struct check *check)
{
	char paranoid[16] = "?", unprivileged[16] = "?", settings[96];
	bool high;
	int r;

	check_read("/proc/sys/kernel/perf_event_paranoid", paranoid, sizeof(paranoid));
	check_read("/proc/sys/kernel/unprivileged_bpf_disabled", unprivileged,
		   sizeof(unprivileged));
	snprintf(settings, sizeof(settings), "perf_event_paranoid %s, unprivileged_bpf_disabled %s",
		 paranoid, unprivileged);
	/* Only kernels of Debian and Ubuntu make a difference of more than 2. */
	high = atoi(paranoid) > 2;
	r = check->privileged ? try_perf_event() : high ? -EACCES : 0;
	check->no_events = r && !opener_listens();
	if (!r)
		check_add(check, "sysctl", CHECK_OK, NULL,
			  "%s: the capabilities of paimond override both", settings);
	else if (!check->no_events)
		check_add(check, "sysctl", CHECK_OK, NULL,
			  "%s: paimon-opener opens perf events for paimond", settings);
	else if (high)
		check_add(
			check, "sysctl", CHECK_WARNING,
			"as root: systemctl start paimon-opener.socket (or sysctl kernel.perf_event_paranoid=2)",
			"%s: paimond cannot open perf events", settings);
	else
		check_add(
			check, "sysctl", CHECK_WARNING,
			"allow perf_event_open(2) in the seccomp profile of the container, or in the security module (journalctl -k)",
			"%s, and yet paimond cannot open perf events: %s", settings, strerror(-r));
}
