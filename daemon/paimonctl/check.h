/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Between check.c (the subcommand), check-kernel.c (what BPF can do here), check-programs.c
 * (do paimond's load), check-system.c (files, limits, modules) and check-pai.c. A finding is one
 * line of the output. All of it is asked of this machine, by the user who runs paimonctl; nothing
 * stays attached, loaded or created.
 */
#ifndef PAIMONCTL_CHECK_H
#define PAIMONCTL_CHECK_H

#include <stdbool.h>
#include <stddef.h>

enum check_status {
	CHECK_OK,
	CHECK_WARNING, /* not known, or less than it could be */
	CHECK_MISSING,
	CHECK_FATAL, /* missing, and paimond cannot run without it */
};

struct finding {
	const char *name;
	enum check_status status;
	char found[512];
	char next[512]; /* the next step; "": none, as status is CHECK_OK */
};

#define CHECK_MAX_FINDINGS 32
#define CHECK_UNIT "/lib/systemd/system/paimond.service"

#include "../config.h"

struct check {
	const char *socket;
	const struct config *config;
	struct finding findings[CHECK_MAX_FINDINGS];
	size_t nr_findings;
	/* What later findings build on. */
	bool privileged; /* CAP_BPF and CAP_PERFMON, or CAP_SYS_ADMIN */
	bool btf;	 /* of the kernel, readable */
	bool bpf;	 /* maps and programs may be loaded, and run */
	bool no_modules; /* this kernel takes none */
	bool module;	 /* paimon.ko is loaded, and its tracepoints are ours */
	bool functions;	 /* the fault handler's, in BTF */
	bool fentry, kprobe, kprobe_multi, preempts;
	enum iopf_backend backend; /* that page faults are counted with; the module's if none */
	bool iopf;		   /* there is something to count page faults with, or may be */
	bool no_events;		   /* paimond may open no perf events */
	bool pai;      /* there is a PMU that paimond is to count NNPA or cryptography with */
	bool no_state; /* what is counted cannot be kept, and no source starts without */
	/* Names of sources, of which all fit: in both where some of it is counted. */
	char cannot[32], counts[32];
};

/* Adds a finding. next as in struct finding, NULL for none; then what was found. */
void check_add(struct check *check, const char *name, enum check_status status, const char *next,
	       const char *format, ...) __attribute__((format(printf, 5, 6)));

/* In the order in which they are shown: later ones use what earlier ones found. */
void check_capabilities(struct check *check);
void check_kernel(struct check *check);
void check_btf(struct check *check);
void check_bpf(struct check *check);
void check_lockdown(struct check *check);
void check_secure_boot(struct check *check);
void check_bpffs(struct check *check);
void check_state_dir(struct check *check);
void check_tracefs(struct check *check);
void check_module(struct check *check);
void check_functions(struct check *check);
void check_attach(struct check *check);
void check_iopf(struct check *check);
void check_programs(struct check *check);
void check_pmus(struct check *check);
void check_descriptors(struct check *check);
void check_memory(struct check *check);
void check_sysctls(struct check *check);
void check_pai(struct check *check);

/* The start of a file, up to its first newline; false: it cannot be read. */
bool check_read(const char *path, char *ret_text, size_t size);

/* Are the tracepoints of the loaded paimon.ko those that paimond attaches to? */
bool check_tracepoints(void);

#endif
