// SPDX-License-Identifier: GPL-2.0
#include "load.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <unistd.h>

#include "source.h"

#define BTF "/sys/kernel/btf/vmlinux"

static char first[160]; /* that libbpf warned of since load_begin() */

/* It has several lines for one failure, and whole logs of the verifier. */
static int keep_first(enum libbpf_print_level level, const char *format, va_list ap)
{
	char line[sizeof(first)];

	if (level != LIBBPF_WARN || first[0])
		return 0;
	vsnprintf(line, sizeof(line), format, ap);
	line[strcspn(line, "\n")] = '\0';
	strcpy(first, strncmp(line, "libbpf: ", 8) ? line : line + 8);
	return 0;
}

int load_begin(struct source *source)
{
	libbpf_set_print(keep_first);
	first[0] = '\0';
	if (!access(BTF, R_OK))
		return 0;
	if (!source)
		return -errno;
	if (errno == ENOENT)
		return source_fail(source, -ENOTSUP,
				   "this kernel has no BTF (" BTF "), which BPF programs need: "
				   "boot one with CONFIG_DEBUG_INFO_BTF=y (those of Debian have "
				   "it)");
	return source_fail(source, -errno, "cannot read the kernel's BTF, " BTF ": %m");
}

static bool has_capabilities(void)
{
	cap_flag_value_t bpf = CAP_CLEAR, perfmon = CAP_CLEAR, admin = CAP_CLEAR;
	cap_t caps = cap_get_proc();

	if (!caps)
		return false;
	cap_get_flag(caps, CAP_BPF, CAP_EFFECTIVE, &bpf);
	cap_get_flag(caps, CAP_PERFMON, CAP_EFFECTIVE, &perfmon);
	cap_get_flag(caps, CAP_SYS_ADMIN, CAP_EFFECTIVE, &admin);
	cap_free(caps);
	return admin || (bpf && perfmon);
}

void load_why(int error, char *ret_text, size_t size)
{
	if ((error == -EPERM || error == -EACCES) && !has_capabilities())
		snprintf(ret_text, size, "%s (paimond lacks CAP_BPF and CAP_PERFMON)",
			 strerror(-error));
	else
		snprintf(ret_text, size, "%s%s%s%s", strerror(-error), first[0] ? " (" : "", first,
			 first[0] ? ")" : "");
}

int load_failed(struct source *source, int error)
{
	char why[224];

	load_why(error, why, sizeof(why));
	return source_fail(source, error, "cannot load the BPF programs: %s", why);
}
