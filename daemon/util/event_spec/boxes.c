// SPDX-License-Identifier: GPL-2.0
/* PMUs: by name, all boxes of an uncore PMU, and the CPU PMUs of hybrid machines. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../buffer.h"
#include "../cpulist.h"
#include "parser.h"

#define MAX_CPU 65535 /* kernels are built for fewer */

static int read_type(struct parser *p)
{
	_cleanup_free_ char *line = NULL;
	uint64_t type;
	int r = spec_read_device(p, "", "type", "", &line);

	if (r < 0)
		return r;
	if (spec_parse_number(line, UINT32_MAX, &type) < 0)
		return spec_wrong(p, -EINVAL,
				  "type of PMU %s is '%.80s', not a number; use another PMU",
				  p->spec->pmu, line);
	p->spec->type = type;
	return 0;
}

static int read_cpus(struct parser *p)
{
	struct event_spec *spec = p->spec;
	_cleanup_free_ unsigned int *cpus = NULL;
	_cleanup_free_ char *line = NULL;
	size_t nr;
	int r = spec_read_device(p, "", "cpumask", "", &line);

	spec->uncore = !r;
	if (r == -ENOENT)
		r = spec_read_device(p, "", "cpus", "", &line);
	spec->core = !spec->uncore && (!r || !strcmp(spec->pmu, "cpu"));
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	r = cpulist_parse(line, MAX_CPU, &cpus, &nr);
	if (r == -EINVAL)
		return spec_wrong(p, r, "CPUs of PMU %s are '%.80s', not a list; use another PMU",
				  spec->pmu, line);
	spec->cpus = r ? NULL : cpulist_format(cpus, nr);
	return spec->cpus ? 0 : -ENOMEM;
}

/* Is a PMU one of the boxes that a name stands for? imc stands for uncore_imc_3 and uncore_imc. */
static bool is_box(const char *pmu, const char *name)
{
	size_t length = strlen(name), digits;

	if (!strncmp(pmu, "uncore_", 7) && strncmp(name, "uncore_", 7) != 0)
		pmu += 7;
	if (strncmp(pmu, name, length) != 0)
		return false;
	pmu += length;
	if (!*pmu)
		return true;
	if (*pmu != '_')
		return !pmu[strspn(pmu, "0123456789")];
	pmu++;
	digits = strspn(pmu, "0123456789abcdef");
	/* Hex digits are an address, which has more than two: cpum_cf is not a box of cpum. */
	return digits && !pmu[digits] && (digits > 2 || !pmu[strspn(pmu, "0123456789")]);
}

/* The list is empty without sysfs. */
static struct dirent **list_pmus(const char *pmus, int *ret_nr)
{
	struct dirent **entries = NULL;
	int nr = scandir(pmus, &entries, NULL, versionsort);

	*ret_nr = nr < 0 ? 0 : nr;
	return entries;
}

static void free_list(struct dirent **entries, int nr)
{
	for (int i = 0; i < nr; i++)
		free(entries[i]);
	free(entries);
}

/* Adds a PMU that has been read to those of an event. */
static int add_pmu(struct event_spec *spec, const struct event_spec *box)
{
	struct event_pmu *pmus = reallocarray(spec->pmus, spec->nr_pmus + 1, sizeof(*pmus));
	struct event_pmu pmu = {.type = box->type, .uncore = box->uncore};

	if (!pmus)
		return -ENOMEM;
	spec->pmus = pmus;
	pmu.name = strdup(box->pmu);
	pmu.cpus = box->cpus ? strdup(box->cpus) : NULL;
	pmus[spec->nr_pmus++] = pmu;
	return pmu.name && (pmu.cpus || !box->cpus) ? 0 : -ENOMEM;
}

void spec_free_pmus(struct event_spec *spec)
{
	for (size_t i = 0; i < spec->nr_pmus; i++) {
		free(spec->pmus[i].name);
		free(spec->pmus[i].cpus);
	}
	free(spec->pmus);
	spec->pmus = NULL;
	spec->nr_pmus = 0;
}

struct event_spec *spec_new(void)
{
	struct event_spec *spec = calloc(1, sizeof(*spec));

	if (!spec)
		return NULL;
	spec->unit = strdup("");
	spec->scale = strdup("");
	if (spec->unit && spec->scale)
		return spec;
	event_spec_free(spec);
	return NULL;
}

/* Reads one PMU by the name of its folder, and parses terms for it unless they are NULL. name:
 * its name in the text. */
static int parse_box(struct parser *p, const char *folder, const char *name, const char *terms,
		     struct event_spec **ret_box)
{
	_cleanup_(event_spec_freep) struct event_spec *box = spec_new();
	_cleanup_free_ char *path = NULL, *copy = terms ? strdup(terms) : NULL;
	int r;

	if (!box || (terms && !copy))
		return -ENOMEM;
	if (asprintf(&path, "%s/%s", p->pmus, folder) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	box->pmu = strdup(folder);
	if (!box->pmu)
		return -ENOMEM;
	p->spec = box;
	p->device = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = p->device < 0 ? spec_wrong(p, -errno, "no PMU %s in %s: %s; use another one", folder,
				       p->pmus, strerror(errno))
			  : 0;
	r = r ?: read_type(p);
	r = r ?: read_cpus(p);
	r = r ?: add_pmu(box, box);
	if (!r && terms)
		r = spec_parse_terms(p, name, copy);
	cleanup_close_fd(&p->device);
	p->device = -1;
	p->spec = NULL;
	if (r < 0)
		return r;
	*ret_box = box;
	box = NULL;
	return 0;
}

/* Adds a box to an event that may have others. Takes box. */
static int add_box(struct parser *p, struct event_spec **spec, struct event_spec *box)
{
	struct event_spec *all = *spec;
	int r;

	if (!all) {
		*spec = box;
		return 0;
	}
	r = add_pmu(all, box);
	all->level |= box->level;
	/* The type of the PMU is added to a generic event when it is opened. */
	if (box->type == PERF_TYPE_HARDWARE || box->type == PERF_TYPE_HW_CACHE) {
		all->config = (uint32_t)all->config;
		box->config = (uint32_t)box->config;
	}
	if (!r && (all->config != box->config || all->config1 != box->config1 ||
		   all->config2 != box->config2 || all->config3 != box->config3 ||
		   all->config4 != box->config4 || all->uncore != box->uncore ||
		   strcmp(all->unit, box->unit) || strcmp(all->scale, box->scale)))
		r = spec_wrong(
			p, -EINVAL,
			"it has different meanings on PMUs %s and %s; write one of these PMUs",
			all->pmu, box->pmu);
	event_spec_free(box);
	return r;
}

/* Joins the CPUs of all boxes; NULL if a box does not list CPUs. */
static int join_cpus(struct event_spec *spec)
{
	_cleanup_free_ unsigned int *cpus = NULL;
	struct buffer buffer = {};
	_cleanup_free_ char *text = NULL;
	size_t nr;
	int r;

	for (size_t i = 0; i < spec->nr_pmus; i++) {
		if (!spec->pmus[i].cpus) {
			free(buffer.data);
			free(spec->cpus);
			spec->cpus = NULL;
			return 0;
		}
		buffer_add_string(&buffer, buffer.size && *spec->pmus[i].cpus ? "," : "");
		buffer_add_string(&buffer, spec->pmus[i].cpus);
	}
	text = buffer_take_string(&buffer);
	r = text ? cpulist_parse(text, MAX_CPU, &cpus, &nr) : -ENOMEM;
	if (r < 0)
		return r;
	free(spec->cpus);
	spec->cpus = cpulist_format(cpus, nr);
	return spec->cpus ? 0 : -ENOMEM;
}

static int no_pmu(struct parser *p, const char *name)
{
	_cleanup_close_ int folder = open(p->pmus, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_free_ char *names = folder < 0 ? strdup("") : spec_list_names(folder, ".");

	return names ? spec_wrong(p, -ENOENT, "no PMU %s in %s: %s; %s%s", name, p->pmus,
				  strerror(ENOENT), *names ? "there are" : "is sysfs mounted?",
				  *names ? names + 1 : "")
		     : -ENOMEM;
}

/* Parses the event for all boxes that a name stands for. A box without the event is left out, as
 * in perf, unless all boxes lack it. */
static int parse_boxes(struct parser *p, const char *name, const char *terms,
		       struct event_spec **ret_spec)
{
	_cleanup_(event_spec_freep) struct event_spec *spec = NULL;
	int nr, lacking = 0, r = 0;
	struct dirent **entries = list_pmus(p->pmus, &nr);

	for (int i = 0; i < nr && !r; i++) {
		struct event_spec *box = NULL;

		if (!is_box(entries[i]->d_name, name))
			continue;
		r = parse_box(p, entries[i]->d_name, name, terms, &box);
		if (r == -EINVAL) {
			lacking++;
			r = 0;
		} else if (!r) {
			r = add_box(p, &spec, box);
		}
	}
	free_list(entries, nr);
	if (!r && !spec)
		r = lacking ? -EINVAL : no_pmu(p, name);
	if (!r && spec->level && spec->nr_pmus > 1)
		r = spec_wrong(p, -EINVAL,
			       "a level of several PMUs has no sum; write one of PMUs %s and %s",
			       spec->pmu, spec->pmus[1].name);
	r = r ?: join_cpus(spec);
	if (r < 0)
		return r;
	*ret_spec = spec;
	spec = NULL;
	return 0;
}

/* Finds the PMU with exactly this name, or else the boxes. */
int spec_find_boxes(struct parser *p, const char *name, const char *terms)
{
	_cleanup_free_ char *path = NULL;

	if (asprintf(&path, "%s/%s", p->pmus, name) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	return faccessat(AT_FDCWD, path, F_OK, 0) < 0 ? parse_boxes(p, name, terms, &p->spec)
						      : parse_box(p, name, name, terms, &p->spec);
}

/* Adds the PMU of each kind of CPU if there are several kinds. */
int spec_add_cores(struct parser *p)
{
	struct event_spec *spec = p->spec;
	int nr = 0, r = 0;
	struct dirent **entries = p->pmus ? list_pmus(p->pmus, &nr) : NULL;

	for (int i = 0; i < nr && r != -ENOMEM; i++) {
		_cleanup_(event_spec_freep) struct event_spec *box = NULL;
		_cleanup_free_ char *path = NULL;
		const char *name = entries[i]->d_name;

		if (asprintf(&path, "%s/%s/cpus", p->pmus, name) < 0) {
			path = NULL;
			r = -ENOMEM;
			break;
		}
		/* Most PMUs have no file cpus; one that cannot be read is skipped too. */
		if (!spec_is_name(name, "_-.") || faccessat(AT_FDCWD, path, F_OK, 0) < 0)
			continue;
		r = parse_box(p, name, name, NULL, &box);
		if (!r && box->core && box->cpus)
			r = add_pmu(spec, box);
	}
	free_list(entries, nr);
	p->spec = spec;
	if (r == -ENOMEM)
		return r;
	if (spec->nr_pmus > 1)
		return join_cpus(spec);
	spec_free_pmus(spec);
	return 0;
}
