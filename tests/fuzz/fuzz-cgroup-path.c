// SPDX-License-Identifier: GPL-2.0
/*
 * The path of a cgroup, of any bytes. What comes out was in it and can be shown; a cgroup below a
 * container belongs to that container.
 */
#include <stdbool.h>
#include <string.h>

#include "fuzz.h"
#include "util/cgroup_path.h"

#define HEX "0123456789abcdef"
#define ALPHANUMERIC "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define ID HEX HEX HEX HEX

const struct seed fuzz_seeds[] = {
	SEED("/kubepods.slice/kubepods-burstable.slice/"
	     "kubepods-burstable-pod5759a1ae_36ca_48a8_b20a_b0b5c8a90fb8.slice/cri-containerd-" ID
	     ".scope"),
	SEED("/kubepods/besteffort/pod5759a1ae-36ca-48a8-b20a-b0b5c8a90fb8/crio-" ID "/container"),
	SEED("/kubepods/pod8f6a44fc62e8cb075753c843896568ca/" ID),
	SEED("/system.slice/containerd.service/kubepods-pod1_2.slice:cri-containerd:" ID),
	SEED("/docker/" ID "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod1_2.slice/"
	     "crio-conmon-" ID ".scope"),
	SEED("/system.slice/docker-" ID ".scope/system.slice/run-u1-s2.service"),
	SEED("/libpod_parent/" ID "/libpod-" ID),
	SEED("/user.slice/user-1000.slice/user@1000.service/app.slice/run-p1-i2.scope/x"),
	SEED("/user.slice/user-1000.slice/session-c1.scope"),
	SEED("/system.slice/system-a\\x2db.slice/_cpu@1:2.service/libpod-payload-" ID),
	SEED("/../x.slice//run-r" HEX HEX ".mount/./"),
	{},
};

/* Does text hold the words, which may have '-' for '_'? */
static bool holds(const char *text, const char *words)
{
	for (; *text; text++) {
		size_t i = 0;

		while (words[i] && (text[i] == words[i] || (text[i] == '_' && words[i] == '-')))
			i++;
		if (!words[i])
			return true;
	}
	return !*words;
}

static void check_below(const char *path, const struct cgroup_path *parsed)
{
	size_t length = strlen(path), unit = strlen(parsed->unit);
	char *below = malloc(length + sizeof("/init.scope"));
	struct cgroup_path got;

	strcpy(mempcpy(below, path, length), "/init.scope");
	cgroup_path_parse(below, &got);
	if (*parsed->pod_uid || *parsed->container_id) {
		must(!strcmp(got.pod_uid, parsed->pod_uid));
		must(!strcmp(got.container_id, parsed->container_id));
	}
	if (unit && (unit < 6 || strcmp(parsed->unit + unit - 6, ".slice")))
		must(!strcmp(got.unit, parsed->unit));
	free(below);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *path = strndup((const char *)data, size);
	struct cgroup_path parsed;

	memset(&parsed, 'x', sizeof(parsed));
	cgroup_path_parse(path, &parsed);
	must(strspn(parsed.pod_uid, ALPHANUMERIC "-_") == strlen(parsed.pod_uid));
	must(strspn(parsed.container_id, HEX) == strlen(parsed.container_id));
	must(!*parsed.container_id || strlen(parsed.container_id) == 64);
	must(strspn(parsed.unit, ALPHANUMERIC ":-_.\\@") == strlen(parsed.unit));
	must(holds(path, parsed.pod_uid) && strstr(path, parsed.container_id));
	must(strstr(path, parsed.unit));
	must(*path == '/' || (!*parsed.pod_uid && !*parsed.container_id && !*parsed.unit));
	check_below(path, &parsed);
	free(path);
	return 0;
}
