// SPDX-License-Identifier: GPL-2.0
#include "pmu.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../util/cleanup.h"

#define MAX_TEXT 4096 /* sysfs gives a page at most */

/* The first line of a file; NULL: there is none. */
static char *read_line(int folder, const char *name)
{
	/* Reading a pipe would block. */
	_cleanup_close_ int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char text[MAX_TEXT];
	struct stat stat;
	ssize_t length;

	if (fd < 0 || fstat(fd, &stat) < 0 || !S_ISREG(stat.st_mode))
		return NULL;
	length = read(fd, text, sizeof(text) - 1);
	if (length <= 0)
		return NULL;
	text[length] = 0;
	text[strcspn(text, "\n")] = 0;
	return *text ? strdup(text) : NULL;
}

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), tail = strlen(end);

	return length >= tail && !strcmp(text + length - tail, end);
}

static int is_event(const struct dirent *entry)
{
	static const char *const attributes[] = {".unit", ".scale", ".per-pkg", ".snapshot"};

	if (entry->d_name[0] == '.')
		return 0;
	for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++)
		if (ends_with(entry->d_name, attributes[i]))
			return 0;
	return 1;
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static char *read_attribute(int folder, const char *event, const char *attribute)
{
	_cleanup_free_ char *name = NULL;

	if (asprintf(&name, "%s%s", event, attribute) < 0) {
		name = NULL;
		return NULL;
	}
	return read_line(folder, name);
}

static int read_event(int folder, const char *pmu, const char *name, struct pmu_event *ret_event)
{
	struct pmu_event event = {.config = read_line(folder, name)};

	/* A directory, a pipe, or not readable: not an event. */
	if (!event.config)
		return -ENOENT;
	if (asprintf(&event.name, "%s/%s/", pmu, name) < 0) {
		free(event.config);
		return -ENOMEM;
	}
	event.unit = read_attribute(folder, name, ".unit");
	event.scale = read_attribute(folder, name, ".scale");
	*ret_event = event;
	return 0;
}

static void free_entries(struct dirent **entries, int nr)
{
	for (int i = 0; i < nr; i++)
		free(entries[i]);
	free(entries);
}

static int read_events(int device, struct pmu *pmu)
{
	_cleanup_close_ int folder = openat(device, "events", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent **entries;
	int nr, r = 0;

	if (folder < 0)
		return 0;
	nr = scandirat(folder, ".", &entries, is_event, versionsort);
	if (nr <= 0)
		return nr < 0 && errno == ENOMEM ? -ENOMEM : 0;
	pmu->events = calloc((size_t)nr, sizeof(*pmu->events));
	if (!pmu->events)
		r = -ENOMEM;
	for (int i = 0; i < nr && r != -ENOMEM; i++) {
		r = read_event(folder, pmu->name, entries[i]->d_name, &pmu->events[pmu->nr_events]);
		pmu->nr_events += !r;
	}
	free_entries(entries, nr);
	return r == -ENOMEM ? r : 0;
}

static void free_pmu(struct pmu *pmu)
{
	for (size_t i = 0; i < pmu->nr_events; i++) {
		free(pmu->events[i].name);
		free(pmu->events[i].config);
		free(pmu->events[i].unit);
		free(pmu->events[i].scale);
	}
	free(pmu->events);
	free(pmu->name);
	free(pmu->type);
	free(pmu->cpus);
}

void pmu_free_all(struct pmu *pmus, size_t nr_pmus)
{
	for (size_t i = 0; i < nr_pmus; i++)
		free_pmu(&pmus[i]);
	free(pmus);
}

static int read_pmu(int folder, const char *name, struct pmu *ret_pmu)
{
	_cleanup_close_ int device = openat(folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct pmu pmu = {};
	int r;

	if (device < 0)
		return -ENOENT;
	pmu.name = strdup(name);
	r = pmu.name ? read_events(device, &pmu) : -ENOMEM;
	if (r < 0) {
		free_pmu(&pmu);
		return r;
	}
	pmu.type = read_line(device, "type");
	pmu.cpus = read_line(device, "cpumask");
	*ret_pmu = pmu;
	return 0;
}

int pmu_read_all(const char *folder, struct pmu **ret_pmus, size_t *ret_nr_pmus)
{
	_cleanup_close_ int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent **entries;
	struct pmu *pmus;
	size_t nr_pmus = 0;
	int nr, r = 0;

	if (fd < 0)
		return -errno;
	nr = scandirat(fd, ".", &entries, is_visible, versionsort);
	if (nr < 0)
		return -errno;
	pmus = calloc((size_t)nr + 1, sizeof(*pmus));
	if (!pmus)
		r = -ENOMEM;
	for (int i = 0; i < nr && r != -ENOMEM; i++) {
		r = read_pmu(fd, entries[i]->d_name, &pmus[nr_pmus]);
		nr_pmus += !r;
	}
	free_entries(entries, nr);
	if (r == -ENOMEM) {
		pmu_free_all(pmus, nr_pmus);
		return r;
	}
	*ret_pmus = pmus;
	*ret_nr_pmus = nr_pmus;
	return 0;
}
