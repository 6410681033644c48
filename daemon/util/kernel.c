// SPDX-License-Identifier: GPL-2.0
#include "kernel.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

/* Does the file have a line that contains this text? */
static bool file_says(const char *path, const char *text)
{
	char line[4096];
	bool found = false;
	FILE *file = fopen(path, "re");

	while (file && !found && fgets(line, sizeof(line), file))
		found = strstr(line, text);
	if (file)
		fclose(file);
	return found;
}

bool kernel_preempts(void)
{
	struct utsname uts;
	char config[sizeof(uts.release) + 16];

	if (uname(&uts) < 0 || !strstr(uts.version, "PREEMPT"))
		return false;
	if (!strstr(uts.version, "PREEMPT_DYNAMIC"))
		return true;
	/* Chosen at boot; the default is only in the kernel's configuration. */
	if (file_says("/proc/cmdline", "preempt="))
		return !file_says("/proc/cmdline", "preempt=none") &&
		       !file_says("/proc/cmdline", "preempt=voluntary");
	snprintf(config, sizeof(config), "/boot/config-%s", uts.release);
	return !file_says(config, "CONFIG_PREEMPT_VOLUNTARY=y") &&
	       !file_says(config, "CONFIG_PREEMPT_NONE=y");
}
