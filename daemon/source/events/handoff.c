// SPDX-License-Identifier: GPL-2.0
/* Hand-off: perf events from other processes, descriptors for them, and release. */
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "../../util/cleanup.h"
#include "../../util/cpulist.h"
#include "../../util/event_spec.h"
#include "../../util/fail.h"
#include "../source.h"
#include "perf_file.h"
#include "registry.h"

/* Refuses perf events that cannot be kept, or not as one event. */
static int check_file(const struct events *events, const struct perf_file *files, size_t i, int fd,
		      char **ret_error)
{
	const struct perf_file *file = &files[i];
	uint64_t perf_id;

	if (file->revoked) /* d1 */
		return fail(
			ret_error, -ENOENT,
			"%s: the perf event is revoked: its PMU is gone (open it again when that is back)",
			file->pmu);
	if (file->dead) /* d1 */
		return fail(ret_error, -ENOENT, "%s: the perf event is dead", file->pmu);
	if (file->faults)
		return fail(ret_error, -EOPNOTSUPP, EVENTS_FAULTS, file->pmu);
	if (file->task || file->cpu < 0) /* d2 */
		return fail(ret_error, -EINVAL,
			    "%s: the perf event counts for a task (open it with pid -1 and a CPU)",
			    file->pmu);
	if (file->cgroup)
		return fail(ret_error, -EOPNOTSUPP,
			    "%s: the perf event counts for a cgroup (open it with pid -1)",
			    file->pmu);
	if (!cpulist_has(events->cpus, events->nr_cpus, file->cpu))
		return fail(ret_error, -EINVAL, "%s: CPU %d is not online (online: %s)", file->pmu,
			    file->cpu, events->online);
	if (ioctl(fd, PERF_EVENT_IOC_ID, &perf_id) < 0)
		return fail(ret_error, -errno, "%s: has no id: %s", file->pmu, strerror(errno));
	for (uint32_t j = 0; j < events->reader->nr_slots; j++) /* d3, d11: on one thread */
		if (events->reader->slots[j].event && events->reader->slots[j].perf_id == perf_id)
			return fail(ret_error, -EEXIST,
				    "%s: the perf event on CPU %d is already kept, as event %llu",
				    file->pmu, file->cpu,
				    (unsigned long long)events->reader
					    ->events[events->reader->slots[j].event - 1]
					    .id);
	if (file->mapped) /* d4 */
		return fail(ret_error, -EBUSY,
			    "%s: the buffer of the perf event on CPU %d is mapped (unmap it)",
			    file->pmu, file->cpu);
	if (file->inherit)
		return fail(ret_error, -EOPNOTSUPP,
			    "%s: the perf event is inherited (open it with inherit = 0)",
			    file->pmu);
	if (file->pmu_type != files[0].pmu_type || file->attr_type != files[0].attr_type ||
	    file->excluded != files[0].excluded ||
	    memcmp(file->config, files[0].config, sizeof(file->config)))
		return fail(
			ret_error, -EINVAL,
			"%s: the perf events count different things (hand them over one by one)",
			file->pmu);
	for (size_t j = 0; j < i; j++) /* d13 */
		if (files[j].cpu == file->cpu)
			return fail(
				ret_error, -EINVAL,
				"%s: two of the perf events count on CPU %d (hand them over one by one)",
				file->pmu, file->cpu);
	return 0;
}

/* Fills in everything except the id, from the kernel's description of the perf event. */
static int describe_file(struct events *events, struct events_event *event, struct perf_file *file,
			 const char *name, const struct events_owner *owner, char **ret_error)
{
	bool generic = file->attr_type == PERF_TYPE_HARDWARE ||
		       file->attr_type == PERF_TYPE_HW_CACHE;
	/* The list of events must not show addresses, which may be the kernel's. */
	bool is_at_address = file->attr_type == PERF_TYPE_BREAKPOINT ||
			     !strcmp(file->pmu, "kprobe") || !strcmp(file->pmu, "uprobe");
	char text[EVENTS_SPEC_LEN], none[] = "";
	struct event_spec spec = {
		.text = text,
		.pmu = file->attr_type == PERF_TYPE_HARDWARE   ? (char[]){"hardware"}
		       : file->attr_type == PERF_TYPE_HW_CACHE ? (char[]){"hw-cache"}
							       : file->pmu,
		.type = generic ? file->attr_type : file->pmu_type,
		.config = file->config[0],
		.config1 = file->config[1],
		.config2 = file->config[2],
		.config3 = file->config[3],
		.unit = none,
		.scale = none,
	};
	int length = snprintf(text, sizeof(text), "%s/config=0x%llx", spec.pmu,
			      (unsigned long long)file->config[0]);

	for (int i = 1; i < 4 && !is_at_address; i++)
		if (file->config[i])
			length += snprintf(text + length, sizeof(text) - length, ",config%d=0x%llx",
					   i, (unsigned long long)file->config[i]);
	text[length++] = '/';
	/* Modifiers as in perf(1): the modes, and guests or host, that are not excluded. */
	for (int i = 0; i < 5; i++)
		if (!(file->excluded & 1 << i) &&
		    file->excluded & (i < 3 ? EVENT_EXCLUDE_MODES
					    : EVENT_EXCLUDE_GUEST | EVENT_EXCLUDE_HOST))
			text[length++] = "ukhGH"[i];
	if (file->excluded & 32)
		text[length++] = 'I';
	text[length] = '\0';
	return events_describe(events, event, &spec, name && *name ? name : NULL, NULL, owner,
			       ret_error);
}

/* Puts copies of the descriptors into slots that are not yet in force. */
static int fill_slots(struct events *events, const struct perf_file *files, const int *fds,
		      size_t nr, uint32_t *slots, char **ret_error)
{
	uint32_t slot = 0;
	int r = 0;
	size_t i;

	for (i = 0; i < nr; i++) {
		int fd;

		r = events_find_slot(events, &slot);
		if (r < 0)
			break;
		fd = events_have_descriptors(events, nr - i) ? fcntl(fds[i], F_DUPFD_CLOEXEC, 0)
							     : (errno = EMFILE, -1);
		r = fd < 0 ? -errno : events_fill_slot(events, slot, fd, 0, files[i].cpu, 0);
		if (r < 0)
			break;
		slots[i] = slot;
	}
	if (r < 0)
		fail(ret_error, r, "%s: cannot be kept on CPU %d: %s%s", files[i].pmu, files[i].cpu,
		     strerror(-r),
		     r == -ENOSPC   ? " (raise max in [events], and see paimond.conf(5))"
		     : r == -EMFILE ? reader_advice(r, files[i].attr_type)
				    : "");
	while (r < 0 && i-- > 0)
		events_free_slot(events, slots[i]); /* d8 */
	return r;
}

int events_keep(struct source *source, const int *fds, size_t nr, const char *name,
		const struct events_owner *owner, uint64_t *ret_id, char **ret_error)
{
	struct events *events = source->data;
	struct perf_file files[PERF_FILE_MAX];
	struct events_event *event, filled;
	uint32_t slots[PERF_FILE_MAX];
	int r = 0;

	*ret_error = NULL;
	if (!nr || nr > PERF_FILE_MAX)
		return fail(ret_error, -EINVAL, "%zu descriptors: 1 to %d can be handed over", nr,
			    PERF_FILE_MAX);
	if (!events->inspect)
		r = inspect_new(&events->inspect, ret_error);
	r = r ?: inspect_look(events->inspect, fds, nr, files, ret_error);
	events_follow_cpus(events);
	for (size_t i = 0; i < nr && !r; i++)
		r = check_file(events, files, i, fds[i], ret_error);
	if (r < 0)
		return r;
	event = events_find_free(events, files[0].pmu, ret_error);
	r = event ? describe_file(events, &filled, files, name, owner, ret_error) : -ENOSPC;
	r = r ?: fill_slots(events, files, fds, nr, slots, ret_error);
	if (r < 0)
		return r;
	*ret_id = events_put_in_force(events, event, &filled, slots, nr);
	return 0;
}

static bool may_use(const struct events_event *event, uint32_t uid)
{
	return !uid || uid == event->uid;
}

static int not_owner(const struct events_event *event, char **ret_error)
{
	return fail(ret_error, -EACCES,
		    "%s: belongs to user %u (only that user and root may do this)", event->name,
		    event->uid);
}

/* Is this the number of a possible CPU? */
static bool is_possible(unsigned int cpu)
{
	_cleanup_free_ unsigned int *cpus = NULL;
	size_t nr;

	return !cpulist_read("/sys/devices/system/cpu/possible", MAX_CPU, &cpus, &nr) &&
	       cpulist_has(cpus, nr, cpu);
}

/* Counts the slots of an event on a CPU, of all its PMUs, and finds one of them. */
static size_t slots_on(const struct events *events, const struct events_event *event, uint32_t cpu,
		       uint32_t *ret_slot)
{
	uint32_t number = events_number(events, event);
	size_t nr = 0;

	for (uint32_t i = 0; i < events->reader->nr_slots; i++)
		if (events->reader->slots[i].event == number &&
		    events->reader->slots[i].cpu == cpu) {
			*ret_slot = i;
			nr++;
		}
	return nr;
}

int events_descriptor(struct source *source, uint64_t id, uint32_t cpu, uint32_t uid, int *ret_fd,
		      char **ret_error)
{
	struct events *events = source->data;
	const struct events_event *event = events_find(events, id);
	uint32_t slot = NO_SLOT;
	size_t nr;
	int fd;

	*ret_error = NULL;
	if (!is_possible(cpu)) /* d7, to the end */
		return fail(ret_error, -EINVAL, "there is no CPU %u", cpu);
	if (!event)
		return events_no_event(id, ret_error);
	if (!may_use(event, uid))
		return not_owner(event, ret_error);
	nr = slots_on(events, event, cpu, &slot);
	if (!nr)
		return fail(ret_error, -ENOENT, "%s: does not count on CPU %u", event->name, cpu);
	if (nr > 1)
		return fail(ret_error, -EINVAL,
			    "%s: counts on %zu PMUs on CPU %u (open an event of one of them)",
			    event->name, nr, cpu);
	fd = events->fds[slot];
	if (fd < 0)
		return fail(
			ret_error, -ESTALE,
			"%s: it can only be read: its descriptors ended with an earlier paimond (close it, and open it again)",
			event->name);
	events->given[event - events->reader->events]++;
	*ret_fd = fd;
	return 0;
}

int events_claim(struct source *source, uint64_t id, uint32_t uid, char **ret_error)
{
	struct events *events = source->data;
	struct events_event *event = events_find(events, id);

	*ret_error = NULL;
	if (!event) /* d9 */
		return fail(ret_error, -EINVAL, "no event %llu is kept (paimonctl event list)",
			    (unsigned long long)id);
	if (!may_use(event, uid))
		return not_owner(event, ret_error);
	if (event->origin == EVENTS_FROM_CONFIG)
		return fail(ret_error, -EACCES,
			    "%s: is in the configuration (remove it there, and reload)",
			    event->name);
	events_close_event(events, event); /* d10, d12: no trace of it is left */
	return 0;
}
