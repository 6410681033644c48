// SPDX-License-Identifier: GPL-2.0
/* The listening unix sockets of paimond without systemd, and whom it takes for an operator. */
#include <errno.h>
#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/helpers.h"
#include "serve/listen.h"
#include "serve/peer.h"

#define GROUP 4711 /* paimon */

static char folder[] = "/tmp/paimon-listen-XXXXXX";
static struct sockaddr_un address;
static bool has_group;
static int chown_error, chmod_error; /* errno; 0: it works */
static gid_t changed_to;

struct group *__wrap_getgrnam(const char *name);
struct group *__wrap_getgrnam(const char *name)
{
	static struct group group = {.gr_gid = GROUP};

	assert_string_equal(name, OPERATORS);
	return has_group ? &group : NULL;
}

int __wrap_lchown(const char *path, uid_t user, gid_t group);
int __wrap_lchown(const char *path, uid_t user, gid_t group)
{
	changed_to = group;
	errno = chown_error;
	return chown_error ? -1 : 0;
}

int __real_chmod(const char *path, mode_t mode);
int __wrap_chmod(const char *path, mode_t mode);
int __wrap_chmod(const char *path, mode_t mode)
{
	errno = chmod_error;
	return chmod_error ? -1 : __real_chmod(path, mode);
}

/* The peer that the kernel tells of. */
static struct ucred peer;
static gid_t groups[3];
static size_t nr_groups;
static int peer_error, groups_error; /* errno of these options; 0: they are there */
static bool groups_shrink;	     /* between the two calls */

int __wrap_getsockopt(int fd, int level, int name, void *ret_value, socklen_t *size);
int __wrap_getsockopt(int fd, int level, int name, void *ret_value, socklen_t *size)
{
	socklen_t needed = nr_groups * sizeof(*groups);

	assert_int_equal(level, SOL_SOCKET);
	errno = name == SO_PEERCRED ? peer_error : groups_error;
	if (errno)
		return -1;
	if (name == SO_PEERCRED) {
		memcpy(ret_value, &peer, sizeof(peer));
		return 0;
	}
	assert_int_equal(name, SO_PEERGROUPS);
	if (*size < needed) {
		*size = needed;
		errno = ERANGE;
		return -1;
	}
	if (groups_shrink) {
		errno = EIO;
		return -1;
	}
	if (needed)
		memcpy(ret_value, groups, needed);
	*size = needed;
	return 0;
}

static int setup(void **data)
{
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/new/socket", folder);
	address.sun_family = AF_UNIX;
	has_group = groups_shrink = false;
	chown_error = chmod_error = peer_error = groups_error = 0;
	changed_to = -1;
	nr_groups = 0;
	peer = (struct ucred){.pid = getpid(), .uid = geteuid() + 1000, .gid = 1};
	return 0;
}

static void check_mode(mode_t mode)
{
	struct stat st;

	assert_int_equal(stat(address.sun_path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 07777, mode);
}

/* Its folder is made; while it listens nobody else does there, and what it leaves is replaced. */
static void test_listens(void **data)
{
	int fd = listen_unix(address.sun_path), client;

	assert_true(fd >= 0);
	check_mode(0666);
	assert_int_equal(listen_unix(address.sun_path), -EADDRINUSE);
	client = dial(&address, SOCK_STREAM, 0);
	assert_true(client >= 0);
	close(client);
	close(fd);
	fd = listen_handoff(address.sun_path);
	assert_true(fd >= 0);
	check_mode(0660);
	assert_int_equal(changed_to, (gid_t)-1); /* there is no group: that of the process */
	close(fd);
	/* Without a slash it is in the working directory. */
	assert_int_equal(chdir(folder), 0);
	fd = listen_unix("here");
	assert_true(fd >= 0);
	assert_int_equal(access("here", F_OK), 0);
	close(fd);
}

static void test_group(void **data)
{
	int fd;

	has_group = true;
	fd = listen_handoff(address.sun_path);
	assert_true(fd >= 0);
	assert_int_equal(changed_to, GROUP);
	close(fd);
	chown_error = EPERM; /* in a container: members cannot connect, others are served */
	fd = listen_handoff(address.sun_path);
	assert_true(fd >= 0);
	close(fd);
	chown_error = EROFS;
	assert_int_equal(listen_handoff(address.sun_path), -EROFS);
	chown_error = 0;
	chmod_error = EROFS; /* everybody could connect */
	assert_int_equal(listen_handoff(address.sun_path), -EROFS);
}

/* What is no socket stays. */
static void test_refused(void **data)
{
	int before = count_descriptors(getpid());
	char longer[sizeof(address.sun_path) + 1], file[64];

	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(listen_unix(longer), -ENAMETOOLONG);
	snprintf(file, sizeof(file), "%s/file", folder);
	write_text(file, "text\n");
	assert_int_equal(listen_unix(file), -ENOTSOCK);
	assert_int_equal(access(file, F_OK), 0);
	snprintf(longer, sizeof(longer), "%s/no/such/socket", folder);
	assert_int_equal(listen_unix(longer), -ENOENT);
	assert_int_equal(count_descriptors(getpid()), before);
}

static void test_operators(void **data)
{
	assert_false(peer_is_operator(-1)); /* there is no group */
	has_group = true;
	assert_false(peer_is_operator(-1)); /* nor is it in one */
	peer.gid = GROUP;
	assert_true(peer_is_operator(-1));
	peer.gid = 1;
	groups[0] = 2;
	groups[1] = 3;
	nr_groups = 2;
	assert_false(peer_is_operator(-1));
	groups[2] = GROUP;
	nr_groups = 3;
	assert_true(peer_is_operator(-1));
	groups_shrink = true;
	assert_false(peer_is_operator(-1));
	groups_error = ENOPROTOOPT; /* before 4.13 */
	assert_false(peer_is_operator(-1));
	peer.uid = geteuid();
	assert_true(peer_is_operator(-1));
	peer.uid = 0;
	assert_true(peer_is_operator(-1));
	/* Who it is is not known: nobody. */
	peer_error = EINVAL;
	assert_false(peer_is_operator(-1));
}

static void test_owner(void **data)
{
	struct kept_owner owner;

	assert_int_equal(prctl(PR_SET_NAME, "owner"), 0);
	peer.uid = 5;
	peer_owner(&peer, &owner);
	assert_int_equal(owner.uid, 5);
	assert_int_equal(owner.pid, getpid());
	assert_string_equal(owner.comm, "owner");
	peer.pid = -1; /* has ended */
	peer_owner(&peer, &owner);
	assert_string_equal(owner.comm, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_listens, setup),
		cmocka_unit_test_setup(test_group, setup),
		cmocka_unit_test_setup(test_refused, setup),
		cmocka_unit_test_setup(test_operators, setup),
		cmocka_unit_test_setup(test_owner, setup),
	};
	int r;

	if (!mkdtemp(folder))
		return 1;
	r = cmocka_run_group_tests_name("listen", tests, NULL, NULL);
	remove_tree(folder);
	return r;
}
