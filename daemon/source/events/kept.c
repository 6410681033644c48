// SPDX-License-Identifier: GPL-2.0
/* The operations of struct kept_ops, for the server. data is the source. */
#include <errno.h>
#include <string.h>

#include "../../util/fail.h"
#include "../source.h"
#include "events_source.h"

static struct events_owner owner_of(enum events_origin origin, const struct kept_owner *asks)
{
	struct events_owner owner = {.origin = origin, .uid = asks->uid, .pid = asks->pid};

	memcpy(owner.comm, asks->comm, sizeof(owner.comm));
	return owner;
}

static int kept_ready(void *data, char **ret_error)
{
	const struct source *source = data;

	if (source->state == SOURCE_UP)
		return 0;
	return fail(ret_error, -ENODEV, "events cannot be kept: %s",
		    source->reason[0] ? source->reason
		    : source->replay  ? "this is a replay"
				      : "[events] enable = no");
}

static int kept_list(void *data, kept_tell *tell, void *user)
{
	return events_list(data, tell, user);
}

static int kept_show(void *data, uint64_t id, bool reads, kept_tell *tell, void *user)
{
	return events_show(data, id, reads, tell, user);
}

static int kept_open(void *data, const char *spec, const char *name, const char *cpus,
		     enum kept_by by, const struct kept_owner *asks, uint64_t *ret_id,
		     char **ret_error)
{
	struct events_owner owner = owner_of(EVENTS_FROM_COMMAND, asks);

	return events_open(data, spec, name, cpus, by, &owner, ret_id, ret_error);
}

static int kept_set(void *data, uint64_t id, const char *terms, char **ret_error)
{
	return events_set(data, id, terms, ret_error);
}

static int kept_close(void *data, uint64_t id, char **ret_error)
{
	return events_close(data, id, ret_error);
}

static int kept_keep(void *data, const int *fds, size_t nr, const char *name,
		     const struct kept_owner *asks, uint64_t *ret_id, char **ret_error)
{
	struct events_owner owner = owner_of(EVENTS_FROM_HANDOFF, asks);

	return events_keep(data, fds, nr, name, &owner, ret_id, ret_error);
}

static int kept_descriptor(void *data, uint64_t id, uint32_t cpu, uint32_t uid, int *ret_fd,
			   char **ret_error)
{
	return events_descriptor(data, id, cpu, uid, ret_fd, ret_error);
}

static int kept_release(void *data, uint64_t id, uint32_t uid, char **ret_error)
{
	return events_claim(data, id, uid, ret_error);
}

const struct kept_ops events_kept_ops = {
	.ready = kept_ready,
	.list = kept_list,
	.show = kept_show,
	.open = kept_open,
	.set = kept_set,
	.close = kept_close,
	.keep = kept_keep,
	.descriptor = kept_descriptor,
	.release = kept_release,
};
