// SPDX-License-Identifier: GPL-2.0
/*
 * Requests for kept events: the JSON of /v1/events. Unknown keys are errors.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../../model/kept.h"
#include "../../util/fail.h"
#include "../../util/json.h"
#include "events_source.h"

/* Strings of a request, by key; the others are left as they are. */
struct wanted {
	const char *key;
	const char **ret_value;
};

static int take_strings(const struct http_events_request *request, const struct wanted *wanted,
			size_t nr, char **ret_error)
{
	for (size_t m = 0; m < request->nr_members; m++) {
		const struct json_member *member = &request->members[m];
		size_t i;

		for (i = 0; i < nr && strcmp(member->key, wanted[i].key); i++)
			;
		if (i == nr)
			return fail(ret_error, -EINVAL, "%.64s: there is no such key", member->key);
		*wanted[i].ret_value = member->value;
	}
	return 0;
}

/* The name of a process, or "": it is gone, or hidden from us. */
static void read_comm(pid_t pid, char ret_comm[16])
{
	char path[32];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	file = fopen(path, "re");
	if (!file || !fgets(ret_comm, 16, file))
		ret_comm[0] = '\0';
	if (file)
		fclose(file);
	ret_comm[strcspn(ret_comm, "\n")] = '\0';
}

void events_owner(enum events_origin origin, const struct ucred *peer,
		  struct events_owner *ret_owner)
{
	*ret_owner = (struct events_owner){.origin = origin, .uid = peer->uid, .pid = peer->pid};
	read_comm(peer->pid, ret_owner->comm);
}

static int post(struct source *source, const struct http_events_request *request, uint64_t *ret_id,
		char **ret_error)
{
	struct events_owner owner;
	const char *spec = NULL, *name = NULL, *cpus = NULL;
	const struct wanted wanted[] = {{"spec", &spec}, {"name", &name}, {"cpus", &cpus}};
	int r = take_strings(request, wanted, 3, ret_error);

	if (!r && !spec)
		return fail(ret_error, -EINVAL, "%s is missing", "spec");
	events_owner(EVENTS_FROM_COMMAND, &request->peer, &owner);
	r = r ?: events_open(source, spec, name, cpus, &owner, ret_id, ret_error);
	/* 404 is for ids. */
	return r == -ENOENT || r == -EOPNOTSUPP ? -EINVAL : r;
}

static int patch(struct source *source, const struct http_events_request *request, char **ret_error)
{
	const char *terms = NULL;
	const struct wanted wanted[] = {{"terms", &terms}};
	int r = take_strings(request, wanted, 1, ret_error);

	if (!r && !terms)
		return fail(ret_error, -EINVAL, "%s is missing", "terms");
	return r ?: events_set(source, request->id, terms, ret_error);
}

int events_request(struct source *source, const struct http_events_request *request,
		   struct json *json, char **ret_error)
{
	uint64_t id = request->id;
	int r = 0;

	if (!strcmp(request->method, "POST"))
		r = request->has_body ? post(source, request, &id, ret_error)
				      : fail(ret_error, -EINVAL, "%s is missing", "the body");
	else if (!strcmp(request->method, "DELETE"))
		r = events_close(source, id, ret_error);
	else if (!strcmp(request->method, "PATCH"))
		r = request->has_body ? patch(source, request, ret_error)
				      : fail(ret_error, -EINVAL, "%s is missing", "the body");
	if (r < 0)
		return r;
	if (!strcmp(request->method, "DELETE")) {
		json_open(json, NULL, '{');
		json_integer(json, "closed", id);
		json_close(json, '}');
	} else if (!id) {
		events_list(source, json);
	} else {
		r = strcmp(request->method, "POST") ? events_show(source, id, json)
						    : events_show_new(source, id, json);
		if (r < 0)
			return fail(ret_error, r, "%s",
				    "there is no event of this id (paimonctl event list)");
	}
	return 0;
}
