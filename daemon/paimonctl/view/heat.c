// SPDX-License-Identifier: GPL-2.0
#include "heat.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct heat_row *find(const struct heat *heat, const char *name)
{
	for (size_t i = 0; i < heat->nr_rows; i++)
		if (!strcmp(heat->rows[i].name, name))
			return &heat->rows[i];
	return NULL;
}

static struct heat_row *add_row(struct heat *heat, const char *name)
{
	struct heat_row *rows = realloc(heat->rows, (heat->nr_rows + 1) * sizeof(*rows)), *row;

	if (!rows)
		return NULL;
	heat->rows = rows;
	row = &rows[heat->nr_rows];
	row->name = strdup(name);
	if (!row->name)
		return NULL;
	for (size_t i = 0; i < HEAT_FRAMES; i++)
		row->values[i] = NAN;
	heat->nr_rows++;
	return row;
}

static size_t next_frame(struct heat *heat)
{
	size_t frame = heat->frames++ % HEAT_FRAMES;

	for (size_t i = 0; i < heat->nr_rows; i++)
		heat->rows[i].values[frame] = NAN;
	heat->breaks[frame] = false;
	return frame;
}

int heat_add(struct heat *heat, const struct table *table, size_t column)
{
	size_t frame = next_frame(heat);
	int r = 0;

	for (size_t i = 0; i < table->nr_rows; i++) {
		const struct row *from = &table->rows[i];
		struct heat_row *row = find(heat, from->name) ?: add_row(heat, from->name);

		if (row)
			row->values[frame] = (float)from->values[column];
		else
			r = -ENOMEM;
	}
	heat->breaks[frame] = table->restarted;
	return r;
}

void heat_add_break(struct heat *heat)
{
	heat->breaks[next_frame(heat)] = true;
}

void heat_clear(struct heat *heat)
{
	for (size_t i = 0; i < heat->nr_rows; i++)
		free(heat->rows[i].name);
	free(heat->rows);
	*heat = (struct heat){};
}

static bool has_frame(const struct heat *heat, size_t age)
{
	return age < heat->frames && age < HEAT_FRAMES;
}

double heat_value(const struct heat *heat, const char *name, size_t age)
{
	const struct heat_row *row = find(heat, name);

	return row && has_frame(heat, age)
		       ? (double)row->values[(heat->frames - 1 - age) % HEAT_FRAMES]
		       : NAN;
}

bool heat_is_break(const struct heat *heat, size_t age)
{
	return has_frame(heat, age) && heat->breaks[(heat->frames - 1 - age) % HEAT_FRAMES];
}

bool heat_range(const struct heat *heat, const char *name, size_t frames, double *ret_low,
		double *ret_high)
{
	double low = INFINITY, high = 0;

	for (size_t i = 0; i < heat->nr_rows; i++) {
		if (name && strcmp(heat->rows[i].name, name))
			continue;
		for (size_t age = 0; age < frames && has_frame(heat, age); age++) {
			double value = heat_value(heat, heat->rows[i].name, age);

			if (!(value > 0) || isinf(value))
				continue;
			low = fmin(low, value);
			high = fmax(high, value);
		}
	}
	if (isinf(low))
		return false;
	*ret_low = low;
	*ret_high = fmax(high, low * 10);
	return true;
}

int heat_level(double value, double low, double high)
{
	double level = HEAT_LEVELS * log(value / low) / log(high / low);

	return level >= HEAT_LEVELS ? HEAT_LEVELS - 1 : level > 0 ? (int)level : 0;
}
