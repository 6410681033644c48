// SPDX-License-Identifier: GPL-2.0
/*
 * Under systemd the unit has done most of this. Called once by the daemon, after it has
 * its configuration, its lock and its sockets, and before it loads any BPF program.
 */
#include "privilege.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../util/log.h"

#define USER "paimond"
#define OPERATORS "paimon" /* the group of /dev/paimon */

/* CAP_DAC_OVERRIDE is last: it is kept only if uid 0 must work in another user's directory. */
static const cap_value_t needed[] = {CAP_BPF, CAP_PERFMON, CAP_DAC_OVERRIDE};

/* Can this user access a directory and write to it? The caller is root. */
static bool reaches(uid_t uid, const char *folder)
{
	bool reached;

	if (seteuid(uid) < 0)
		return false;
	reached = !faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS);
	return !seteuid(0) && reached;
}

/* Drops the other capabilities from the bounding set, if that is permitted. */
static void drop_bounding(int nr_needed)
{
	for (cap_value_t cap = 0; cap < cap_max_bits(); cap++) {
		bool keep = false;

		for (int i = 0; i < nr_needed; i++)
			keep |= cap == needed[i];
		if (!keep && cap_get_bound(cap) > 0)
			cap_drop_bound(cap);
	}
}

static int become(const struct passwd *user)
{
	const struct group *operators = getgrnam(OPERATORS);

	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 ||
	    setgroups(operators ? 1 : 0, operators ? &operators->gr_gid : NULL) < 0 ||
	    setresgid(user->pw_gid, user->pw_gid, user->pw_gid) < 0 ||
	    setresuid(user->pw_uid, user->pw_uid, user->pw_uid) < 0)
		return -errno;
	return 0;
}

static int keep_needed(int nr_needed)
{
	cap_t had = cap_get_proc(), keep = cap_init();
	int r = had && keep ? 0 : -ENOMEM;

	for (int i = 0; i < nr_needed && !r; i++) {
		cap_flag_value_t there = CAP_CLEAR;

		cap_get_flag(had, needed[i], CAP_PERMITTED, &there);
		if (cap_set_flag(keep, CAP_PERMITTED, 1, &needed[i], there) < 0 ||
		    cap_set_flag(keep, CAP_EFFECTIVE, 1, &needed[i], there) < 0)
			r = -errno;
	}
	/* Under the unit there is nothing left to drop, and its seccomp filter does not permit
	 * the call. */
	if (!r && CAP_DIFFERS(cap_compare(had, keep), CAP_PERMITTED) && cap_set_proc(keep) < 0)
		r = -errno;
	cap_free(had);
	cap_free(keep);
	return r;
}

/* Changes from root to USER, if that user can write to state_dir. */
static int drop_root(const char *state_dir, int *nr_needed)
{
	const struct passwd *user = getpwnam(USER);
	struct stat st;
	int r;

	if (user && state_dir && !reaches(user->pw_uid, state_dir)) {
		log_info("user " USER
			 " cannot write to %s: paimond keeps uid 0, without root's capabilities",
			 state_dir);
		user = NULL;
	}
	if (!user && state_dir && !stat(state_dir, &st) && st.st_uid)
		*nr_needed = 3;
	drop_bounding(*nr_needed);
	r = user ? become(user) : 0;
	if (r < 0)
		log_error("cannot change to user " USER ": %s", strerror(-r));
	return r;
}

int privileges_drop(const char *state_dir)
{
	int nr_needed = 2, r = 0;

	if (geteuid() == 0)
		r = drop_root(state_dir, &nr_needed);
	else
		drop_bounding(nr_needed);
	if (!r)
		r = keep_needed(nr_needed);
	if (!r && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		r = -errno;
	if (r < 0)
		log_error("cannot drop privileges: %s", strerror(-r));
	return r;
}
