/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the path of a cgroup says: pod, container and systemd unit. Text only: nothing is looked up,
 * nothing is allocated. Any thread.
 *
 * Paths are those of cgroup v2, from its root, as kernfs has them: without the " (deleted)" that
 * /proc/PID/cgroup adds.
 */
#ifndef PAIMON_CGROUP_PATH_H
#define PAIMON_CGROUP_PATH_H

/*
 * "" where there is none. What does not fit is "" too, never cut: a UID of more than 63 characters.
 * The characters are letters, digits and ":-_.\@", whatever the path holds.
 */
struct cgroup_path {
	char pod_uid[64];      /* the kubelet's, with '-' also where a slice has '_' */
	char container_id[65]; /* 64 lower case hexadecimal digits */
	char unit[256];	       /* of the system manager */
};

/*
 * The forms that are known are listed in cgroup_path.c.
 *
 * Pod and container: the outermost ones, because the names below a container are its own choice.
 * But a pod in a container (a node of kind, k3d or minikube) is preferred to that container.
 * Whoever may create cgroups may use any name, for example a user below user@UID.service: the unit
 * tells. The process that monitors a container (conmon) has a pod but no container.
 *
 * Unit: as sd_pid_get_unit(3) and systemctl status PID have it. It is the first unit below the
 * slices at the beginning of the path; "user@1000.service" for all units of a user's own manager;
 * the scope of a container, and not what runs in it. Without one it is the innermost of these
 * slices, as from sd_pid_get_slice(3), and "" without a slice.
 *
 * All are "" for a path that does not begin at the root: without a leading slash, or with a name
 * "." or "..", as the kernel shows what is outside of a cgroup namespace.
 */
void cgroup_path_parse(const char *path, struct cgroup_path *ret_path);

#endif
