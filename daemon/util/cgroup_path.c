// SPDX-License-Identifier: GPL-2.0
/*
 * The forms of paths. ID is a container, 64 hexadecimal digits; POD is "pod" and the UID of a pod;
 * QOS is burstable or besteffort, and for a guaranteed pod it is missing, with its separator. SCOPE
 * is RUNTIME-ID.scope, where the prefix is what the runtime gives to runc or crun: cri-containerd,
 * crio, docker, libpod, nerdctl and others.
 *
 * - kubelet with the systemd driver:
 *	/kubepods.slice/kubepods-QOS.slice/kubepods-QOS-POD.slice/SCOPE
 *   The kubelet writes '-' in the UID as '_', because '-' separates the levels in the name of a
 *   slice. It allows no '_' in a UID, so the reverse is exact. With --cgroup-root (kind: kubelet):
 *	/ROOT.slice/ROOT-kubepods.slice/ROOT-kubepods-QOS.slice/ROOT-kubepods-QOS-POD.slice/SCOPE
 * - kubelet with the cgroupfs driver; CRI-O has crio-ID for ID:
 *	/kubepods/QOS/POD/ID	/ROOT/kubepods/QOS/POD/ID
 * - kubelet with the systemd driver and containerd with the other one:
 *	/system.slice/containerd.service/kubepods-QOS-POD.slice:cri-containerd:ID
 * - The UID of a static pod is a hash of its manifest, 32 digits without '-'.
 * - a node that is a container (kind, k3d, minikube):
 *	/docker/ID/kubelet.slice/...	/system.slice/docker-ID.scope/kubelet.slice/...
 * - docker, with the systemd and the cgroupfs driver, and in ECS:
 *	/system.slice/docker-ID.scope	/docker/ID	/ecs/TASK/ID
 * - podman; without root; with cgroupfs:
 *	/machine.slice/libpod-ID.scope
 *	/user.slice/user-UID.slice/user@UID.service/user.slice/libpod-ID.scope
 *	/libpod_parent/libpod-ID
 * - podman in a pod of its own, which is not one of Kubernetes, and whose NUMBER looks like an ID:
 *	/machine.slice/machine-libpod_pod_NUMBER.slice/libpod-ID.scope
 *	/libpod_parent/NUMBER/libpod-ID
 * - podman in a service (--cgroups=split, quadlet), with its monitor in "runtime" beside it:
 *	/system.slice/NAME.service/libpod-payload-ID
 * - monitors, which are not containers: crio-conmon-ID, also .scope, libpod-conmon-ID.scope
 * - below a container: container (crun), init.scope, system.slice/NAME.service, anything
 *
 * systemd puts '_' before a name that may collide with a file of the kernel: _cpu.service is the
 * unit cpu.service. The escapes of systemd (\x2d) are part of the name of a unit.
 */
#include "cgroup_path.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define ID_LEN 64
#define DIGITS "0123456789"
#define HEX DIGITS "abcdef"
#define ALPHANUMERIC DIGITS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* The next name of a path; "" if it is longer than any name of a cgroup. */
static bool next_name(const char **path, char name[NAME_MAX + 1])
{
	const char *start = *path + strspn(*path, "/");
	size_t length = strcspn(start, "/");

	*path = start + length;
	*(char *)mempcpy(name, start, length <= NAME_MAX ? length : 0) = '\0';
	return length;
}

static bool ends_with(const char *name, const char *end)
{
	size_t length = strlen(name), end_length = strlen(end);

	return length > end_length && !strcmp(name + length - end_length, end);
}

static bool is_relative(const char *path)
{
	char name[NAME_MAX + 1];

	if (*path != '/')
		return true;
	while (next_name(&path, name))
		if (!strcmp(name, ".") || !strcmp(name, ".."))
			return true;
	return false;
}

/* The type of a unit, from its name; NULL if no unit has this name, as that of a template. */
static const char *unit_type(const char *name)
{
	static const char *const types[] = {
		"automount", "device", "mount",	 "path",  "scope", "service",
		"slice",     "socket", "target", "timer", "swap",
	};
	const char *dot = strrchr(name, '.'), *at = strchr(name, '@');

	if (!dot || dot == name || at == name || (at && at + 1 == dot) ||
	    name[strspn(name, ALPHANUMERIC ":-_.\\@")])
		return NULL;
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (!strcmp(dot + 1, types[i]))
			return types[i];
	return NULL;
}

/* Takes the unit from the next name. Returns whether further names may be units. */
static bool take_unit(const char *name, char unit[NAME_MAX + 1])
{
	const char *type = unit_type(name += *name == '_');
	bool slice = type && !strcmp(type, "slice");

	/* There are no instances of slices. */
	if (!type || (slice && strchr(name, '@')))
		return false;
	strcpy(unit, name);
	return slice;
}

/* How far the names before led to the pods of the cgroupfs driver, or of podman. */
enum level { LEVEL_NONE, LEVEL_KUBEPODS, LEVEL_QOS, LEVEL_LIBPOD };

static enum level next_level(enum level level, const char *name)
{
	if (!strcmp(name, "kubepods"))
		return LEVEL_KUBEPODS;
	if (level == LEVEL_KUBEPODS && (!strcmp(name, "burstable") || !strcmp(name, "besteffort")))
		return LEVEL_QOS;
	return strcmp(name, "libpod_parent") ? LEVEL_NONE : LEVEL_LIBPOD;
}

/* What follows a text in a name, or the name, if it does not begin so. */
static const char *skip(const char *name, const char *text)
{
	size_t length = strlen(text);

	return strncmp(name, text, length) ? name : name + length;
}

/* Where the UID in the name of a pod begins; NULL if it is not one. */
static const char *uid_in(const char *name, enum level level, bool slice)
{
	const char *pod = name;

	if (slice) {
		pod = strstr(name, "kubepods-");
		if (!pod || (pod > name && pod[-1] != '-'))
			return NULL;
		pod = skip(skip(skip(pod, "kubepods-"), "burstable-"), "besteffort-");
	} else if (level != LEVEL_KUBEPODS && level != LEVEL_QOS) {
		return NULL;
	}
	return strncmp(pod, "pod", 3) ? NULL : pod + 3;
}

/* Takes the UID of a pod from its name. */
static bool take_pod(const char *name, enum level level, struct cgroup_path *path)
{
	const char *end = strstr(name, ".slice");
	const char *uid = uid_in(name, level, end);
	size_t length = uid ? strspn(uid, ALPHANUMERIC "-_") : 0;

	if (!length || length >= sizeof(path->pod_uid) ||
	    uid + length != (end ?: uid + strlen(uid)) || (end && end[6] && end[6] != ':'))
		return false;
	*(char *)mempcpy(path->pod_uid, uid, length) = '\0';
	for (char *c = path->pod_uid; end && *c; c++)
		if (*c == '_')
			*c = '-';
	return true;
}

/* The ID in the name of a container, of ID_LEN characters; NULL if it is not one. */
static const char *id_in(const char *name)
{
	size_t length = strlen(name) - (ends_with(name, ".scope") ? strlen(".scope") : 0);
	size_t before = length < ID_LEN ? 0 : length - ID_LEN;
	const char *id = name + before;

	if (strspn(id, HEX) != ID_LEN || (before && !strchr("-:", id[-1])) ||
	    (before >= 7 && !strncmp(id - 7, "conmon-", 7)))
		return NULL;
	return id;
}

void cgroup_path_parse(const char *path, struct cgroup_path *ret_path)
{
	enum level level = LEVEL_NONE;
	char name[NAME_MAX + 1];
	bool units = true;

	*ret_path = (struct cgroup_path){};
	if (is_relative(path))
		return;
	while (next_name(&path, name)) {
		const char *id = id_in(name);

		units = units && take_unit(name, ret_path->unit);
		/* The container so far is that of a node. */
		if (!*ret_path->pod_uid && take_pod(name, level, ret_path))
			*ret_path->container_id = '\0';
		/* Not a container, but a pod of podman. */
		if (id == name && level == LEVEL_LIBPOD)
			id = NULL;
		if (id && !*ret_path->container_id)
			memcpy(ret_path->container_id, id, ID_LEN);
		level = next_level(level, name);
	}
}
