/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The configuration: /etc/paimon/paimond.conf, then paimond.conf.d/, in the syntax
 * of util/config_file.h; paimond.conf(5) lists the keys. It is read as a whole into a new
 * struct config, which replaces the one in force only if there is no error.
 */
#ifndef PAIMON_CONFIG_H
#define PAIMON_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_PATH "/etc/paimon/paimond.conf"

enum source_wanted {
	SOURCE_AUTO, /* if this machine supports it */
	SOURCE_YES,
	SOURCE_NO,
};

/* Where the events of I/O page faults come from. */
enum iopf_backend {
	IOPF_BACKEND_MODULE, /* the tracepoints of paimon.ko */
	IOPF_BACKEND_FENTRY, /* the kernel's functions */
	IOPF_BACKEND_KPROBE_MULTI,
	IOPF_BACKEND_KPROBE,
	IOPF_NR_BACKENDS,
	IOPF_BACKEND_AUTO = IOPF_NR_BACKENDS, /* the first one that works */
};

/* How to use the PMU pai_ext. */
enum pai_mode {
	PAI_AUTO, /* counting, attributed at context switches */
	PAI_COUNTING,
	PAI_SAMPLING,
};

/* Where samples of pai_ext come from. */
enum pai_backend {
	PAI_BACKEND_AUTO,	/* the tracepoint, if paimon_pai.ko provides the PMU */
	PAI_BACKEND_TRACEPOINT, /* paimon_pai_sample */
	PAI_BACKEND_PERF_EVENT,
};

struct config {
	/* [paimond] */
	char *state_dir; /* a directory in bpffs */
	char *socket;	 /* path of the unix socket; not used under socket activation */
	char *listen;  /* ADDRESS:PORT, [ADDRESS]:PORT or NULL; not used under socket activation */
	char *handoff; /* path of the hand-off socket or NULL; not used under socket activation */
	char *gateway; /* path of the socket of paimon-gateway or NULL; the same */
	char **allowed_hosts; /* valid Host headers over TCP in addition to addresses, localhost
			       * and the name of the machine; NULL-terminated, or NULL */
	/* [iopf] */
	enum source_wanted iopf;
	enum iopf_backend iopf_backend;
	uint32_t iopf_max_devices;	/* 1 to 1024; takes a restart with cleared state */
	uint64_t iopf_group_timeout_ns; /* 0: never */
	char **iopf_include;		/* patterns of devices to serve, or NULL: all */
	char **iopf_exclude; /* patterns of devices not to serve; NULL-terminated, as above */
	/* [events] */
	enum source_wanted events_wanted;
	uint32_t events_max; /* 1 to 4096; 0: events_max_events(); takes a restart with
			      * cleared state */
	uint32_t events_max_cgroup_series; /* 1 to 32768; takes a restart in the same way */
	bool events_transient_scopes;	   /* have cgroups of their own */
	bool events_per_cpu;
	/* [pai] */
	enum source_wanted pai;
	enum pai_mode pai_mode;
	enum pai_backend pai_backend;
	bool pai_accept_throttling_panic;
	uint32_t pai_max_cgroups; /* 1 to 1024; takes a restart with cleared state */
	bool pai_per_cpu;
	/* [cspmu] */
	enum source_wanted cspmu;
	uint32_t cspmu_max_events; /* 1 to 4096, 0: not given; takes a restart with cleared state */
	/* [event NAME] */
	struct config_event *events;
	size_t nr_events;
};

/* An event that is kept as long as it is in the configuration. */
struct config_event {
	char *name;
	char *spec;	 /* in the syntax of perf */
	char *cpus;	 /* a list, or NULL: the CPUs of the PMU, or all */
	unsigned int by; /* enum kept_by */
};

/*
 * Reads path and the files in the directory path.d in the order of their names. If path
 * is missing, the defaults apply, unless it is required. On failure returns a negative
 * errno; *ret_error (to be freed by the caller; NULL: out of memory) then has a line for
 * each error: file:line: what.
 */
int config_load(const char *path, bool required, struct config **ret_config, char **ret_error);
struct config *config_free(struct config *config);

/* Is this a valid name of an event? A name of digits only would be confused with an id. */
#define CONFIG_EVENT_NAME_CHARS "-_.:/=,@"
#define CONFIG_NOT_EVENT_NAME                                                                     \
	"is not a valid name: 1 to 63 letters, digits and " CONFIG_EVENT_NAME_CHARS ", at least " \
	"one of them not a digit"
bool config_event_name_valid(const char *name);

#endif
