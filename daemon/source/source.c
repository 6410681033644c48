// SPDX-License-Identifier: GPL-2.0
#include "source.h"

#include <stdarg.h>
#include <stdio.h>

const struct metric metric_dropped = {
	.name = "paimon_series_dropped_total",
	.help = "Updates without a series, because a table was full, by reason.",
	.type = METRIC_COUNTER,
};

int source_fail(struct source *source, int error, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(source->reason, sizeof(source->reason), format, ap);
	va_end(ap);
	return error;
}

static void add(struct source_object *objects, size_t *nr, const char *name, int fd)
{
	if (*nr < SOURCE_MAX_OBJECTS)
		objects[(*nr)++] = (struct source_object){name, fd};
}

void source_add_program(struct source_objects *objects, const char *name, int fd)
{
	if (fd >= 0)
		add(objects->programs, &objects->nr_programs, name, fd);
}

void source_add_map(struct source_objects *objects, const char *name, int fd)
{
	add(objects->maps, &objects->nr_maps, name, fd);
}

const char *source_state_name(const struct source *source)
{
	static const char *const states[] = {"off", "up", "failed"};

	return states[source->state];
}
