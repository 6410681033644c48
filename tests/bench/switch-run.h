/* SPDX-License-Identifier: GPL-2.0 */
#ifndef PAIMON_TESTS_SWITCH_RUN_H
#define PAIMON_TESTS_SWITCH_RUN_H

#define SWITCH_EVENTS 32 /* that each CPU can have */
#define SWITCH_DEPTH 8	 /* cgroups of a task, from the root down; a power of 2 */

#endif
