// SPDX-License-Identifier: GPL-2.0
#include "handoff.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <paimon/handoff.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../libpaimon/paimon.h"
#include "../../util/cleanup.h"
#include "../command.h"

#define FIRST 3 /* first descriptor passed to a command: SD_LISTEN_FDS_START */

static int complain_handoff(int error)
{
	complain("%s", paimon_error());
	return error == -ECONNREFUSED ? EXIT_NOT_RUNNING : EXIT_FAILED;
}

static void close_all(const int *fds, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		close(fds[i]);
}

int handoff_adopt(const struct context *context, pid_t pid, const int *numbers, size_t nr,
		  const char *name)
{
	_cleanup_close_ int pidfd = syscall(SYS_pidfd_open, pid, 0);
	int fds[PAIMON_HANDOFF_MAX_FDS], r;
	struct json_object *object;
	uint64_t id;

	if (pidfd < 0)
		return complain("process %d: %s", (int)pid, strerror(errno));
	if (!nr || nr > PAIMON_HANDOFF_MAX_FDS)
		return complain("%zu descriptors: 1 to %d can be handed over", nr,
				PAIMON_HANDOFF_MAX_FDS);
	for (size_t i = 0; i < nr; i++) {
		fds[i] = syscall(SYS_pidfd_getfd, pidfd, numbers[i], 0);
		if (fds[i] < 0) {
			r = complain("process %d, descriptor %d: %s%s", (int)pid, numbers[i],
				     strerror(errno),
				     errno == EPERM ? " (run it as root, or as the process's user)"
						    : "");
			close_all(fds, i);
			return r;
		}
	}
	r = paimon_unclaim(fds, nr, name, &id);
	close_all(fds, nr);
	if (r < 0)
		return complain_handoff(r);
	if (!context->json) {
		printf("%" PRIu64 "\n", id);
		return EXIT_DONE;
	}
	object = json_object_new_object();
	json_object_object_add(object, "id", json_object_new_uint64(id));
	return print_json(object);
}

/* Gets the CPUs of an event, as an array owned by *ret_event; an exit code. */
static int get_cpus(struct context *context, uint64_t id, struct json_object **ret_event,
		    struct json_object **ret_cpus)
{
	struct json_object *event, *cpus;
	char path[48];
	int r;

	snprintf(path, sizeof(path), "/v1/events/%" PRIu64, id);
	r = get_json(context, path, &event);
	if (r)
		return r;
	if (!json_object_object_get_ex(event, "cpus", &cpus) ||
	    !json_object_is_type(cpus, json_type_array) || !json_object_array_length(cpus)) {
		json_object_put(event);
		return complain("event %" PRIu64 ": the answer of paimond has no CPUs", id);
	}
	*ret_event = event;
	*ret_cpus = cpus;
	return EXIT_DONE;
}

/* Gets descriptors of an event for its CPUs, from FIRST on; replaces what was open there. */
static int open_all(uint64_t id, struct json_object *cpus, char *names)
{
	int nr = json_object_array_length(cpus);

	for (int i = 0; i < nr; i++) {
		int cpu = json_object_get_int(json_object_array_get_idx(cpus, i));
		int fd = paimon_open(id, cpu);

		if (fd < 0)
			return complain_handoff(fd);
		/* Clears close-on-exec, which dup2() of a descriptor to itself would not do. */
		if (fd == FIRST + i ? fcntl(fd, F_SETFD, 0) < 0 : dup2(fd, FIRST + i) < 0)
			return complain("%d descriptors do not fit (ulimit -n): %s", nr,
					strerror(errno));
		if (fd != FIRST + i)
			close(fd);
		names += sprintf(names, "%scpu%d", i ? ":" : "", cpu);
	}
	return EXIT_DONE;
}

static int set_number(const char *name, long number)
{
	char text[24];

	snprintf(text, sizeof(text), "%ld", number);
	return setenv(name, text, 1);
}

int handoff_exec(struct context *context, uint64_t id, char *const *command)
{
	struct json_object *event = NULL, *cpus = NULL;
	_cleanup_free_ char *names = NULL;
	int r = get_cpus(context, id, &event, &cpus), nr;

	if (r)
		return r;
	nr = json_object_array_length(cpus);
	names = malloc(nr * sizeof(":cpu-2147483648"));
	/* Close our own descriptors: they may be in the range. */
	context->client = client_free(context->client);
	r = names ? open_all(id, cpus, names) : complain("no memory");
	json_object_put(event);
	if (r)
		return r;
	if (set_number("LISTEN_FDS", nr) < 0 || set_number("LISTEN_PID", getpid()) < 0 ||
	    setenv("LISTEN_FDNAMES", names, 1) < 0)
		return complain("no memory");
	execvp(command[0], command);
	return complain("%s: %s", command[0], strerror(errno));
}
