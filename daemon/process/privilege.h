/* SPDX-License-Identifier: GPL-2.0 */
/* Dropping privileges after everything that needs them is open. */
#ifndef PAIMON_PRIVILEGE_H
#define PAIMON_PRIVILEGE_H

/*
 * Keeps CAP_BPF and CAP_PERFMON, if present, and drops all other capabilities
 * permanently. root changes to the user paimond. If there is no such user, or it
 * cannot write to state_dir (NULL: none; systemd mounts bpffs for root only), the uid
 * stays 0, with CAP_DAC_OVERRIDE if state_dir belongs to another user. Attaching again
 * needs no further privileges. 0 or a negative errno.
 */
int privileges_drop(const char *state_dir);

#endif
