// SPDX-License-Identifier: GPL-2.0
#include "status.h"

#include <stdlib.h>

void status_clear(struct status *status)
{
	free(status->listen);
	for (size_t i = 0; i < status->nr_sources; i++)
		free(status->sources[i].problems.data);
}
