// SPDX-License-Identifier: GPL-2.0
#include "cgroups.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../util/cgroup_path.h"
#include "../util/cleanup.h"
#include "../util/utf8.h"
#include "snapshot.h"

static const struct metric metric_info = {
	.name = "paimon_cgroup_info",
	.help = "Pod, container and systemd unit of a cgroup, from its path; always 1.",
	.type = METRIC_INFO,
};

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The path of the cgroup that a point is about, as utf8_name() has it; or NULL. */
static const char *path_of(const struct point *point)
{
	for (size_t i = 0; i < point->nr_labels; i++) {
		const char *value = point->labels[i].value;

		if (!strcmp(point->labels[i].name, "cgroup"))
			return value[*value == '#'] == '/' ? value : NULL;
	}
	return NULL;
}

/* Collects the paths of all points that may be scraped; paths NULL: only counts them. */
static size_t collect(const struct snapshot *snapshot, const char **paths)
{
	size_t nr = 0;

	for (size_t i = 0; i < snapshot->nr_families; i++) {
		const struct family *family = &snapshot->families[i];

		for (size_t j = 0; j < family->nr_points && !family->metric->scope; j++) {
			const char *path = path_of(&family->points[j]);

			if (path && paths)
				paths[nr] = path;
			nr += !!path;
		}
	}
	return nr;
}

int cgroups_add_info(struct snapshot *snapshot)
{
	size_t nr = collect(snapshot, NULL);
	_cleanup_free_ const char **paths = calloc(nr + 1, sizeof(*paths));
	int r = paths ? 0 : -ENOMEM;

	if (!r)
		qsort(paths, collect(snapshot, paths), sizeof(*paths), compare);
	for (size_t i = 0; i < nr && !r; i++) {
		_cleanup_free_ char *raw = NULL;
		struct cgroup_path path;
		struct label labels[] = {{"cgroup", paths[i]},
					 {"pod_uid", path.pod_uid},
					 {"container_id", path.container_id},
					 {"unit", path.unit}};

		if (i && !strcmp(paths[i], paths[i - 1]))
			continue;
		raw = strdup(paths[i]);
		if (!raw)
			return -ENOMEM;
		utf8_unescape(raw);
		cgroup_path_parse(raw, &path);
		r = snapshot_add_integer(snapshot, &metric_info, labels, 4, 1);
	}
	return r;
}
