// SPDX-License-Identifier: GPL-2.0
#include "state.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

const struct state_folder state_folders[] = {
	{"iopf", "iopf", "all totals of I/O page faults"},
	{"events", "events", "all kept events and their totals"},
	{"events-accounts", "events", "who used what kept events have counted"},
	{"nnpa", "pai", "all totals of pai_ext"},
	{"nnpa-accounts", "pai", "who used what pai_ext has counted"},
	{"crypto", "pai", "all totals of pai_crypto"},
	{"pai", "pai", "all totals of samples, by cgroup and process"},
	{"cspmu", "cspmu", "all totals of system PMUs"},
	{},
};

const struct state_folder *state_find(const char *name, int *ret_layout)
{
	for (const struct state_folder *f = state_folders; f->folder; f++) {
		size_t length = strlen(f->folder);
		const char *number = name + length + 1;
		unsigned long layout;

		if (strncmp(name, f->folder, length) || name[length] != '-' || !*number ||
		    strspn(number, "0123456789") != strlen(number))
			continue;
		errno = 0;
		layout = strtoul(number, NULL, 10);
		if (errno || layout > INT_MAX)
			return NULL;
		if (ret_layout)
			*ret_layout = (int)layout;
		return f;
	}
	return NULL;
}

const char *state_loses(const char *folder)
{
	for (const struct state_folder *f = state_folders; f->folder; f++)
		if (!strcmp(f->folder, folder))
			return f->loses;
	return "everything in it";
}
