// SPDX-License-Identifier: GPL-2.0
#include "system_pmu.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "cpulist.h"
#include "event_set.h"
#include "sysfs.h"

#define PMUS "/bus/event_source/devices"
#define CLASS "/class/paimon_cspmu"
#define ONLINE "/devices/system/cpu/online"
#define MAX_CPU 8191

/* The driver of the device behind a PMU: its parent in the tree of devices has it. */
static char *read_driver(int folder)
{
	static const char *const links[] = {"device/driver", "../driver"};
	char *driver = NULL;

	for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++) {
		free(driver);
		driver = sysfs_target(folder, links[i]);
		if (!driver || *driver)
			break;
	}
	return driver;
}

static void free_pmu(struct system_pmu *pmu)
{
	free(pmu->name);
	free(pmu->device);
	free(pmu->cpus);
	free(pmu->identifier);
	free(pmu->driver);
	free(pmu->implementer);
	free(pmu->backend);
	free(pmu->waits_for);
	free(pmu->counters);
	free(pmu->counters_used);
	free(pmu->socket);
}

void system_pmus_free(struct system_pmus *pmus)
{
	for (size_t i = 0; i < pmus->nr; i++)
		free_pmu(&pmus->all[i]);
	free(pmus->all);
	*pmus = (struct system_pmus){};
}

/* A new element with all strings NULL. NULL: no memory. */
static struct system_pmu *add(struct system_pmus *pmus)
{
	struct system_pmu *all = reallocarray(pmus->all, pmus->nr + 1, sizeof(*all));

	if (!all)
		return NULL;
	pmus->all = all;
	all[pmus->nr] = (struct system_pmu){};
	return &all[pmus->nr++];
}

/* Sets the strings that are NULL to "". 0 or -ENOMEM. */
static int fill(struct system_pmu *pmu)
{
	char **strings[] = {&pmu->name,	    &pmu->device,	 &pmu->cpus,	&pmu->identifier,
			    &pmu->driver,   &pmu->implementer,	 &pmu->backend, &pmu->waits_for,
			    &pmu->counters, &pmu->counters_used, &pmu->socket};

	for (size_t i = 0; i < sizeof(strings) / sizeof(*strings); i++) {
		if (!*strings[i])
			*strings[i] = strdup("");
		if (!*strings[i])
			return -ENOMEM;
	}
	return 0;
}

/* Adds a PMU, unless its cpumask is empty. 0 or -ENOMEM. */
static int add_pmu(int folder, const char *name, struct system_pmus *pmus)
{
	_cleanup_free_ char *cpus = sysfs_line(folder, "cpumask"),
			    *type = sysfs_line(folder, "type");
	bool of_cpus = faccessat(folder, "cpumask", F_OK, 0) < 0 && errno == ENOENT;
	struct system_pmu *pmu;
	unsigned long number;
	char *end;

	if (!cpus || !type)
		return -ENOMEM;
	errno = 0;
	number = strtoul(type, &end, 10);
	if ((!*cpus && !of_cpus) || !isdigit((unsigned char)*type) || *end || errno ||
	    number > UINT32_MAX)
		return 0;
	pmu = add(pmus);
	if (!pmu)
		return -ENOMEM;
	pmu->type = number;
	pmu->of_cpus = of_cpus;
	pmu->name = strdup(name);
	pmu->cpus = cpus;
	cpus = NULL;
	pmu->identifier = sysfs_line(folder, "identifier");
	pmu->driver = read_driver(folder);
	return pmu->name && pmu->identifier && pmu->driver ? 0 : -ENOMEM;
}

/* Adds what the class tells of a device to its PMU, or a new element for one that has none. */
static int add_device(int folder, const char *name, struct system_pmus *pmus)
{
	_cleanup_free_ char *of = sysfs_line(folder, "pmu");
	struct system_pmu *pmu = NULL;

	if (!of)
		return -ENOMEM;
	for (size_t i = 0; i < pmus->nr && *of; i++)
		if (pmus->all[i].name && !strcmp(pmus->all[i].name, of))
			pmu = &pmus->all[i];
	/* Another device has this PMU, or it has just gone. */
	if (*of && (!pmu || pmu->device))
		return 0;
	pmu = pmu ?: add(pmus);
	if (!pmu)
		return -ENOMEM;
	pmu->device = strdup(name);
	pmu->implementer = sysfs_line(folder, "implementer");
	pmu->backend = sysfs_line(folder, "backend");
	pmu->waits_for = sysfs_line(folder, "waits_for");
	pmu->counters = sysfs_line(folder, "counters");
	pmu->counters_used = sysfs_line(folder, "counters_used");
	pmu->socket = sysfs_line(folder, "socket");
	if (!pmu->identifier)
		pmu->identifier = sysfs_line(folder, "pmiidr");
	if (!pmu->driver || !*pmu->driver) {
		free(pmu->driver);
		pmu->driver = read_driver(folder);
	}
	return pmu->device && pmu->implementer && pmu->backend && pmu->waits_for && pmu->counters &&
			       pmu->counters_used && pmu->socket && pmu->identifier && pmu->driver
		       ? 0
		       : -ENOMEM;
}

/* Calls visit for each folder in a folder of sysfs, which may be missing. 0 or -ENOMEM. */
static int walk(const char *sysfs, const char *path, struct system_pmus *pmus,
		int (*visit)(int folder, const char *name, struct system_pmus *pmus))
{
	_cleanup_free_ char *full = NULL;
	struct dirent *entry;
	DIR *dir;
	int r = 0;

	if (asprintf(&full, "%s%s", sysfs, path) < 0) {
		full = NULL;
		return -ENOMEM;
	}
	dir = opendir(full);
	if (!dir)
		return errno == ENOMEM ? -ENOMEM : 0;
	while (!r && (entry = readdir(dir))) {
		_cleanup_close_ int folder = -1;

		if (*entry->d_name == '.')
			continue;
		folder = openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (folder >= 0)
			r = visit(folder, entry->d_name, pmus);
	}
	closedir(dir);
	return r;
}

static int compare(const void *a, const void *b)
{
	const struct system_pmu *left = a, *right = b;
	int r = strverscmp(left->name, right->name);

	return r ?: strverscmp(left->device, right->device);
}

static int read_list(const char *sysfs, const char *folder, const char *name, const char *file,
		     unsigned int **ret_cpus, size_t *ret_nr)
{
	_cleanup_free_ char *path = NULL;

	if (asprintf(&path, "%s%s%s%s", sysfs, folder, name, file) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	return cpulist_read(path, MAX_CPU, ret_cpus, ret_nr);
}

int system_pmu_read_cpus(const char *sysfs, const struct system_pmu *pmu, unsigned int **ret_cpus,
			 size_t *ret_nr)
{
	_cleanup_free_ unsigned int *own = NULL;
	size_t nr_own, nr_online, nr = 0;
	unsigned int *online;
	int r;

	if (!pmu->of_cpus)
		return read_list(sysfs, PMUS "/", pmu->name, "/cpumask", ret_cpus, ret_nr);
	/* Where CPUs are of several types, each type has a PMU with the list of its CPUs. */
	r = read_list(sysfs, PMUS "/", pmu->name, "/cpus", &own, &nr_own);
	if (r < 0 && r != -ENOENT)
		return r;
	r = read_list(sysfs, ONLINE, "", "", &online, &nr_online);
	if (r < 0)
		return r;
	for (size_t i = 0; i < nr_online; i++)
		if (!own || cpulist_has(own, nr_own, online[i]))
			online[nr++] = online[i];
	*ret_cpus = online;
	*ret_nr = nr;
	return 0;
}

/* Fills in the CPUs of a PMU of CPUs. 0 or -ENOMEM. */
static int fill_online(const char *sysfs, struct system_pmu *pmu)
{
	_cleanup_free_ unsigned int *cpus = NULL;
	size_t nr;
	int r;

	if (!pmu->of_cpus)
		return 0;
	r = system_pmu_read_cpus(sysfs, pmu, &cpus, &nr);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	free(pmu->cpus);
	pmu->cpus = cpulist_format(cpus, nr);
	return pmu->cpus ? 0 : -ENOMEM;
}

int system_pmus_read(const char *sysfs, struct system_pmus *ret_pmus)
{
	struct system_pmus pmus = {};
	int r = walk(sysfs, PMUS, &pmus, add_pmu);

	r = r ?: walk(sysfs, CLASS, &pmus, add_device);
	for (size_t i = 0; i < pmus.nr && !r; i++)
		r = fill(&pmus.all[i]) ?: fill_online(sysfs, &pmus.all[i]);
	if (r < 0) {
		system_pmus_free(&pmus);
		return r;
	}
	if (pmus.nr)
		qsort(pmus.all, pmus.nr, sizeof(*pmus.all), compare);
	*ret_pmus = pmus;
	return 0;
}

int system_pmu_event_sets(struct event_sets **ret_sets, char **ret_errors)
{
	const char *folder = getenv("PAIMON_EVENT_SETS");
	const char *const folders[] = {folder, NULL};

	return event_sets_load(folder ? folders : event_set_folders, ret_sets, ret_errors);
}

uint64_t system_pmu_read_errors(const char *sysfs, const struct system_pmu *pmu)
{
	_cleanup_free_ char *path = NULL, *line = NULL;

	if (!*pmu->device)
		return 0;
	if (asprintf(&path, "%s" CLASS "/%s/read_errors", sysfs, pmu->device) < 0) {
		path = NULL;
		return 0;
	}
	line = sysfs_line(AT_FDCWD, path);
	return line ? strtoull(line, NULL, 10) : 0;
}

bool system_pmu_is_coresight(const struct system_pmu *pmu)
{
	return *pmu->device || !strcmp(pmu->driver, "arm-cs-arch-pmu");
}

bool system_pmu_number(const char *identifier, uint64_t *ret_number)
{
	unsigned long long number;
	char *end;

	if (!isxdigit((unsigned char)*identifier))
		return false;
	errno = 0;
	number = strtoull(identifier, &end, 16);
	if (*end || errno)
		return false;
	*ret_number = number;
	return true;
}
