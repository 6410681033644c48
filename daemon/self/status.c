// SPDX-License-Identifier: GPL-2.0
#include "status.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../util/clock.h"
#include "../util/namespaces.h"
#include "process.h"
#include "version.h"

static const struct metric metric_build_info = {
	.name = "paimon_build_info",
	.help = "Version of paimond; always 1.",
	.type = METRIC_INFO,
};
static const struct metric metric_reload = {
	.name = "paimon_config_last_reload_successful",
	.help = "1 if the last reload of the configuration succeeded, 0 if it failed.",
	.type = METRIC_GAUGE,
};
static const struct metric metric_scrape = {
	.name = "paimon_scrape_duration_seconds",
	.help = "Time that the previous snapshot took.",
	.type = METRIC_GAUGE,
};

void self_init(struct self *ret_self)
{
	struct utsname uts;

	*ret_self = (struct self){
		.last_reload_successful = true,
		.started_ns = clock_ns(CLOCK_MONOTONIC),
	};
	if (!uname(&uts))
		memcpy(ret_self->machine, uts.machine, sizeof(ret_self->machine));
}

int self_read(struct self *self, struct snapshot *snapshot)
{
	struct label build[] = {
		{"version", PAIMON_VERSION},
		{"revision", PAIMON_REVISION},
		{"arch", self->machine},
	};
	int r = snapshot_add_integer(snapshot, &metric_build_info, build, 3, 1);

	if (!r)
		r = snapshot_add_integer(snapshot, &metric_reload, NULL, 0,
					 self->last_reload_successful);
	r = r ?: snapshot_add_real(snapshot, &metric_scrape, NULL, 0, self->scrape_ns * 1e-9);
	r = r ?: cost_read(&self->cost, snapshot);
	if (r < 0)
		return r;
	/* Without free descriptors /proc cannot be read; all other metrics are still served. */
	r = process_read(snapshot);
	return r == -ENOMEM ? r : 0;
}

void self_status(const struct self *self, struct status *status)
{
	status->version = PAIMON_VERSION;
	status->revision = PAIMON_REVISION;
	status->pid = getpid();
	status->sees_processes = namespaces_pid_is_initial();
	status->uptime_seconds = (clock_ns(CLOCK_MONOTONIC) - self->started_ns) * 1e-9;
	status->last_reload_successful = self->last_reload_successful;
}
