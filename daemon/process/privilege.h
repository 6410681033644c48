/* SPDX-License-Identifier: GPL-2.0 */
/* What the daemon gives up when it has opened what needs more. */
#ifndef PAIMON_PRIVILEGE_H
#define PAIMON_PRIVILEGE_H

/*
 * Keeps CAP_BPF and CAP_PERFMON, if there, and gives up all other capabilities for
 * good. root becomes the user paimond; where there is no such user, or it cannot
 * work in state_dir (NULL: none; systemd mounts bpffs for root alone), the uid
 * stays 0, with CAP_DAC_OVERRIDE if state_dir is another user's. Attaching again
 * needs no more. 0 or a negative errno.
 */
int privileges_drop(const char *state_dir);

#endif
