/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Shared by check.c (the subcommand), kernel.c (what BPF can do here), programs.c (do paimond's
 * programs load?), system.c (files, limits, modules), pai.c and cspmu.c. A finding is one line of
 * the output. All checks run on this machine as the user who runs paimonctl. Nothing stays
 * attached, loaded or created afterwards.
 */
#ifndef PAIMONCTL_CHECK_H
#define PAIMONCTL_CHECK_H

#include <stdbool.h>
#include <stddef.h>

enum check_status {
	CHECK_OK,
	CHECK_WARNING, /* unknown, or works with restrictions */
	CHECK_MISSING,
	CHECK_FATAL, /* missing, and paimond cannot run without it */
};

struct finding {
	const char *name;
	enum check_status status;
	char found[512];
	char next[512]; /* the next step; "": none, because status is CHECK_OK */
};

#define CHECK_MAX_FINDINGS 64
#define CHECK_UNIT "/lib/systemd/system/paimond.service"

#include "../../config/config.h"

struct check {
	const char *socket;
	const struct config *config;
	struct finding findings[CHECK_MAX_FINDINGS + 1]; /* the last: how many did not fit */
	size_t nr_findings;
	unsigned int nr_more; /* that did not fit */
	/* Results that later checks use. */
	bool privileged; /* CAP_BPF and CAP_PERFMON, or CAP_SYS_ADMIN */
	bool btf;	 /* the kernel has BTF, and it is readable */
	bool bpf;	 /* maps and programs may be loaded, and run */
	bool locked;	 /* programs may not read kernel memory */
	bool no_modules; /* this kernel loads no modules */
	bool module;	 /* paimon.ko is loaded, with the expected tracepoints */
	bool functions;	 /* the functions of the fault handler are in BTF */
	bool fentry, kprobe, kprobe_multi, preempts;
	enum iopf_backend backend; /* the backend for page faults; the module if there is none */
	bool iopf;		   /* a backend for page faults exists, or may exist */
	bool no_events;		   /* paimond is not permitted to open perf events */
	bool pai;		   /* there is a configured PMU for NNPA or cryptography */
	bool cspmu;		   /* there is a system PMU to count on */
	uint32_t cspmu_max;	   /* perf events of system PMUs at most */
	bool no_state;		   /* state cannot be pinned, so no source can start */
	/* Names of sources, large enough for all; a source is in both if only a part of it
	 * counts. */
	char cannot[32], counts[32];
};

/* Adds a finding; what is beyond CHECK_MAX_FINDINGS is only counted, in a last finding that has the
 * worst of their statuses. next as in struct finding, NULL for none; format: what was found. */
void check_add(struct check *check, const char *name, enum check_status status, const char *next,
	       const char *format, ...) __attribute__((format(printf, 5, 6)));

/* In the order of the output: later ones use the results of earlier ones. */
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
void check_other_modules(struct check *check);
void check_functions(struct check *check);
void check_attach(struct check *check);
void check_iopf(struct check *check);
void check_programs(struct check *check);
void check_pmus(struct check *check);
void check_cspmu(struct check *check);
void check_descriptors(struct check *check);
void check_memory(struct check *check);
void check_sysctls(struct check *check);
void check_pai(struct check *check);
void check_live(struct check *check);

/* Reads the first line of a file, up to size; false: it cannot be read. */
bool check_read(const char *path, char *ret_text, size_t size);

/* Does the loaded paimon.ko have the tracepoints that paimond attaches to? */
bool check_tracepoints(void);

#endif
