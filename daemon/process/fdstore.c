// SPDX-License-Identifier: GPL-2.0
#include "fdstore.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "../util/cleanup.h"
#include "../util/log.h"

/* Process-wide, like the environment that it comes from. */
static struct {
	bool available;
	int nr;
	struct passed {
		char *name; /* NULL: the descriptor was taken */
		int fd;
	} * all;
} passed;

int fdstore_init(void)
{
	char **names;
	int r;

	passed.available = getenv("NOTIFY_SOCKET") && getenv("INVOCATION_ID");
	r = sd_listen_fds_with_names(true, &names);
	if (r <= 0)
		return r;
	passed.all = calloc(r, sizeof(*passed.all));
	if (!passed.all)
		return -ENOMEM;
	passed.nr = r;
	for (int i = 0; i < r; i++)
		passed.all[i] = (struct passed){names[i], SD_LISTEN_FDS_START + i};
	free(names);
	return 0;
}

bool fdstore_available(void)
{
	return passed.available;
}

/* Takes a descriptor out of the table. */
static int take(struct passed *one)
{
	free(one->name);
	one->name = NULL;
	return one->fd;
}

int fdstore_take(const char *name)
{
	/* There may be many, and callers mostly ask in the order of the table. */
	static int next;

	for (int n = 0; n < passed.nr; n++) {
		int i = (next + n) % passed.nr;

		if (passed.all[i].name && !strcmp(passed.all[i].name, name)) {
			next = i + 1;
			return take(&passed.all[i]);
		}
	}
	return -ENOENT;
}

void fdstore_give_back(const char *name, int fd)
{
	struct passed *all;
	int i = 0;

	while (i < passed.nr && passed.all[i].name)
		i++;
	all = reallocarray(passed.all, passed.nr + 1, sizeof(*all));
	if (!all) {
		close(fd);
		return;
	}
	passed.all = all;
	passed.nr += i == passed.nr;
	all[i] = (struct passed){strdup(name), fd};
	if (!all[i].name)
		close(fd);
}

void fdstore_drop(const char *prefix)
{
	for (int i = 0; i < passed.nr; i++)
		if (passed.all[i].name && !strncmp(passed.all[i].name, prefix, strlen(prefix))) {
			fdstore_remove(passed.all[i].name);
			close(take(&passed.all[i]));
		}
}

int fdstore_put(const char *name, int fd)
{
	_cleanup_free_ char *message = NULL;
	int r;

	if (asprintf(&message, "FDSTORE=1\nFDNAME=%s\nFDPOLL=0", name) < 0)
		return -ENOMEM;
	r = sd_pid_notify_with_fds(0, false, message, &fd, 1);
	return r < 0 ? r : r == 0 ? -ENOTCONN : 0;
}

void fdstore_remove(const char *name)
{
	int r = passed.available ? sd_notifyf(false, "FDSTOREREMOVE=1\nFDNAME=%s", name) : 0;

	if (r < 0)
		log_warning("cannot remove %s from the descriptor store: %s", name, strerror(-r));
}

void fdstore_sync(void)
{
	int r = passed.available ? sd_notify_barrier(false, 5000000) : 0;

	if (r < 0)
		log_warning("no answer from systemd: %s", strerror(-r));
}

int fdstore_take_socket(int domain, int type)
{
	for (int i = 0; i < passed.nr; i++) {
		struct passed *one = &passed.all[i];

		if (one->name && sd_is_socket(one->fd, domain, type, 1) > 0)
			return take(one);
	}
	return -ENOENT;
}

void fdstore_close_files(void)
{
	struct stat st;

	for (int i = 0; i < passed.nr; i++) {
		struct passed *one = &passed.all[i];

		/* Descriptors from the store are anonymous inodes without a file type: perf
		 * events, BPF links and the like. */
		if (!one->name || fstat(one->fd, &st) < 0 || !(st.st_mode & S_IFMT))
			continue;
		log_warning(
			"descriptor %d (%s) from systemd is closed: %s (see the Listen lines of its .socket unit)",
			one->fd, one->name,
			S_ISSOCK(st.st_mode)
				? "a socket of a type that paimond does not use, or a second hand-off socket"
				: "not a socket");
		close(take(one));
	}
}
