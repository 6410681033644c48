/* SPDX-License-Identifier: GPL-2.0 */
/* The namespaces of this process. Any thread. */
#ifndef PAIMON_NAMESPACES_H
#define PAIMON_NAMESPACES_H

#include <stdbool.h>

/* What to do outside the initial PID namespace, for messages: in parentheses. */
#define NAMESPACES_PID_NEXT \
	"run it in that of the host: docker and podman --pid=host, hostPID: true in a pod"

/* The same outside the initial user namespace, without the parentheses. */
#define NAMESPACES_USER_NEXT "run it in that of the host, not in a rootless container"

/*
 * Is this process in the initial PID namespace? In another one it has other PIDs than the kernel,
 * and cannot tell whether a process outside has ended. True if /proc does not tell.
 */
bool namespaces_pid_is_initial(void);

/* Is it in the initial user namespace? In another one, its capabilities do not permit BPF or perf
 * events. True if /proc does not tell. */
bool namespaces_user_is_initial(void);

#endif
