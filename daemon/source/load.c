// SPDX-License-Identifier: GPL-2.0
#include "load.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <unistd.h>

#include "../util/cleanup.h"
#include "../util/namespaces.h"
#include "source.h"

#define BTF "/sys/kernel/btf/vmlinux"

#define LOG "-- BEGIN PROG LOAD LOG --\n"

/* The first warning of libbpf since load_begin(), or the verdict of the verifier if there is
 * one. */
static char first[160];
static bool verdict;
static bool locked_down;

/* The verdict is the last line before the verifier's statistics. */
static const char *find_verdict(const char *log)
{
	const char *found = NULL;

	while (*log && strncmp(log, "verification time", 17) && strncmp(log, "processed ", 10) &&
	       strncmp(log, "-- END", 6)) {
		if (*log != '\n')
			found = log;
		log += strcspn(log, "\n");
		log += !!*log;
	}
	return found;
}

/* libbpf prints several lines per failure, and whole logs of the verifier. Keeps the first line,
 * or the verdict. */
static int keep_first(enum libbpf_print_level level, const char *format, va_list ap)
{
	_cleanup_free_ char *text = NULL;
	const char *line, *log, *found;

	if (level != LIBBPF_WARN || verdict || vasprintf(&text, format, ap) < 0)
		return 0;
	line = strncmp(text, "libbpf: ", 8) ? text : text + 8;
	log = strstr(text, LOG);
	found = log ? find_verdict(log + strlen(LOG)) : NULL;
	verdict = found;
	/* "program of this type cannot use helper bpf_probe_read#4", "unknown func
	 * bpf_probe_read#4" */
	locked_down |= found && (strstr(found, "helper bpf_probe_read") ||
				 strstr(found, "func bpf_probe_read"));
	if (found) /* "prog 'x': " */
		snprintf(first, sizeof(first), "%.*s%.*s", (int)(log - line), line,
			 (int)strcspn(found, "\n"), found);
	else if (!first[0])
		snprintf(first, sizeof(first), "%.*s", (int)strcspn(line, "\n"), line);
	return 0;
}

bool load_is_locked_down(void)
{
	return locked_down;
}

int load_begin(struct source *source)
{
	libbpf_set_print(keep_first);
	first[0] = '\0';
	verdict = false;
	if (!access(BTF, R_OK))
		return 0;
	if (!source)
		return -errno;
	if (errno == ENOENT)
		return source_fail(
			source, -ENOTSUP,
			"this kernel has no BTF (" BTF
			"), which BPF programs require: boot one with CONFIG_DEBUG_INFO_BTF=y "
			"(Debian's kernels have it)");
	return source_fail(source, -errno, "cannot read the kernel's BTF, " BTF ": %m");
}

static bool has_capability(cap_value_t capability)
{
	cap_flag_value_t has = CAP_CLEAR;
	cap_t caps = cap_get_proc();

	if (caps)
		cap_get_flag(caps, capability, CAP_EFFECTIVE, &has);
	cap_free(caps);
	return has;
}

/* Which capabilities are missing, or why those that are there do not count; NULL: nothing of this.
 */
static const char *lacks(void)
{
	bool bpf = has_capability(CAP_BPF), perfmon = has_capability(CAP_PERFMON);

	if (!has_capability(CAP_SYS_ADMIN) && (!bpf || !perfmon))
		return bpf	 ? "paimond lacks CAP_PERFMON" LOAD_CAPABILITIES_NEXT
		       : perfmon ? "paimond lacks CAP_BPF" LOAD_CAPABILITIES_NEXT
				 : "paimond lacks CAP_BPF and CAP_PERFMON" LOAD_CAPABILITIES_NEXT;
	return namespaces_user_is_initial()
		       ? NULL
		       : "paimond has capabilities in a user namespace only: " NAMESPACES_USER_NEXT;
}

void load_why(int error, char *ret_text, size_t size)
{
	const char *lacking = error == -EPERM || error == -EACCES ? lacks() : NULL;

	if (lacking)
		snprintf(ret_text, size, "%s (%s)", strerror(-error), lacking);
	else if (error == -EPERM && !first[0] && !locked_down)
		snprintf(
			ret_text, size,
			"%s (a seccomp profile or a security module refuses bpf(2): allow it there)",
			strerror(-error));
	else if (locked_down && (error == -EPERM || verdict))
		snprintf(ret_text, size, "%s (%s)", strerror(-error), LOAD_LOCKED_DOWN);
	else
		/* The verifier gives up where libbpf does not know that the kernel has functions
		 * that it verifies once: it looks only once, and takes no memory for no. */
		snprintf(ret_text, size, "%s%s%s%s%s", strerror(-error), first[0] ? " (" : "",
			 first, first[0] ? ")" : "",
			 error == -E2BIG ? "; if memory was short at the start, restart paimond"
					 : "");
}

int load_failed(struct source *source, int error)
{
	char why[224];

	load_why(error, why, sizeof(why));
	return source_fail(source, error, "cannot load the BPF programs: %s", why);
}

/* The number after key in the fdinfo of a descriptor, or -1. */
static int read_info(int fd, const char *key)
{
	char path[64], line[128];
	int number, found = -1;
	FILE *info;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	info = fopen(path, "re");
	while (info && found < 0 && fgets(line, sizeof(line), info))
		if (!strncmp(line, key, strlen(key)) &&
		    sscanf(line + strlen(key), ": %d", &number) == 1)
			found = number;
	if (info)
		fclose(info);
	return found;
}

int load_compiled(void)
{
	/* r0 = 0; exit */
	static const struct bpf_insn nothing[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	_cleanup_close_ int program = bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, "paimon_jit",
						    "GPL", nothing, 2, NULL);

	return program < 0 ? -1 : read_info(program, "prog_jited");
}

bool load_fits(int array)
{
	int owner = read_info(array, "owner_jited"); /* -1: it has never held a program */
	int now = owner < 0 ? -1 : load_compiled();

	return now < 0 || now == owner;
}
