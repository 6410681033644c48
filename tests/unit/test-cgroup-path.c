// SPDX-License-Identifier: GPL-2.0
/* Pod, container and unit of the paths that systemd, kubelets and runtimes make. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "util/cgroup_path.h"

#define NR(array) (sizeof(array) / sizeof(*(array)))

#define A "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define B "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
#define UID "5759a1ae-36ca-48a8-b20a-b0b5c8a90fb8"
#define SLICE_UID "5759a1ae_36ca_48a8_b20a_b0b5c8a90fb8"
#define STATIC "8f6a44fc62e8cb075753c843896568ca"
#define BURSTABLE "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod"
#define KIND "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/"
#define USER "/user.slice/user-1000.slice/user@1000.service"
/* 250 and 255 characters. */
#define TEN "aaaaaaaaaa"
#define FIFTY TEN TEN TEN TEN TEN
#define LONG FIFTY FIFTY FIFTY FIFTY FIFTY

static const struct {
	const char *path, *pod_uid, *container_id, *unit;
} paths[] = {
	/* kubelet with the systemd driver. */
	{BURSTABLE SLICE_UID ".slice/cri-containerd-" A ".scope", UID, A,
	 "cri-containerd-" A ".scope"},
	{BURSTABLE SLICE_UID ".slice/crio-" A ".scope", UID, A, "crio-" A ".scope"},
	{BURSTABLE SLICE_UID ".slice/crio-" A ".scope/container", UID, A, "crio-" A ".scope"},
	{BURSTABLE SLICE_UID ".slice/crio-" A, UID, A, "kubepods-burstable-pod" SLICE_UID ".slice"},
	{BURSTABLE SLICE_UID ".slice/docker-" A ".scope", UID, A, "docker-" A ".scope"},
	{BURSTABLE SLICE_UID ".slice", UID, "", "kubepods-burstable-pod" SLICE_UID ".slice"},
	{BURSTABLE UID ".slice/docker-" A ".scope", UID, A, "docker-" A ".scope"},
	{BURSTABLE STATIC ".slice/cri-containerd-" A ".scope", STATIC, A,
	 "cri-containerd-" A ".scope"},
	{"/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" SLICE_UID
	 ".slice/crio-" A ".scope",
	 UID, A, "crio-" A ".scope"},
	{"/kubepods.slice/kubepods-pod" SLICE_UID ".slice/cri-containerd-" A ".scope", UID, A,
	 "cri-containerd-" A ".scope"},
	{"/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" STATIC ".slice/crio-" A
	 ".scope/container",
	 STATIC, A, "crio-" A ".scope"},
	{"/kubepods.slice/kubepods-pod" STATIC ".slice", STATIC, "",
	 "kubepods-pod" STATIC ".slice"},
	{"/a.slice/a-b.slice/a-b-kubepods.slice/a-b-kubepods-burstable.slice/"
	 "a-b-kubepods-burstable-pod" SLICE_UID ".slice/cri-containerd-" A ".scope",
	 UID, A, "cri-containerd-" A ".scope"},
	{"/kubepods.slice/kubepods-burstable.slice", "", "", "kubepods-burstable.slice"},
	{"/kubepods.slice", "", "", "kubepods.slice"},
	/* The other driver. */
	{"/kubepods/burstable/pod" UID "/" A, UID, A, ""},
	{"/kubepods/besteffort/pod" UID "/" A, UID, A, ""},
	{"/kubepods/pod" UID "/" A, UID, A, ""},
	{"/kubepods/burstable/pod" STATIC "/" A, STATIC, A, ""},
	{"/kubepods/pod" STATIC "/crio-" A, STATIC, A, ""},
	{"/kubepods/burstable/pod" SLICE_UID "/" A, SLICE_UID, A, ""},
	{"/kubepods/burstable/pod" UID "/crio-" A, UID, A, ""},
	{"/kubepods/burstable/pod" UID, UID, "", ""},
	{"/kubelet/kubepods/pod" UID "/" A, UID, A, ""},
	/* Kata Containers: a sandbox. */
	{"/kubepods/burstable/pod" UID "/kata_" A, UID, "", ""},
	/* One each. */
	{"/system.slice/containerd.service/kubepods-burstable-pod" SLICE_UID
	 ".slice:cri-containerd:" A,
	 UID, A, "containerd.service"},
	{"/kubepods-pod" SLICE_UID ".slice:crio:" A, UID, A, ""},
	/* Nodes that are containers. */
	{KIND "kubelet-kubepods-besteffort-pod" SLICE_UID ".slice/cri-containerd-" A ".scope", UID,
	 A, "cri-containerd-" A ".scope"},
	{"/system.slice/docker-" B ".scope" KIND "kubelet-kubepods-besteffort-pod" SLICE_UID
	 ".slice/cri-containerd-" A ".scope",
	 UID, A, "docker-" B ".scope"},
	{"/system.slice/docker-" B ".scope" KIND "kubelet-kubepods-besteffort-pod" SLICE_UID
	 ".slice",
	 UID, "", "docker-" B ".scope"},
	{"/docker/" B "/kubelet/kubepods/burstable/pod" UID "/" A, UID, A, ""},
	{"/docker/" B "/kubelet.slice/kubelet.service", "", B, ""},
	/* Docker and podman. */
	{"/system.slice/docker-" A ".scope", "", A, "docker-" A ".scope"},
	{"/system.slice/docker-" A ".scope/init.scope", "", A, "docker-" A ".scope"},
	{"/system.slice/docker-" A ".scope/system.slice/x.service", "", A, "docker-" A ".scope"},
	{"/docker/" A, "", A, ""},
	{"/docker/" A "/system.slice/x.service", "", A, ""},
	{"/" A, "", A, ""},
	{"/ecs/" STATIC "/" A, "", A, ""},
	{"/ecstasks.slice/ecstasks-" STATIC ".slice/docker-" A ".scope", "", A,
	 "docker-" A ".scope"},
	{"/a.slice/a-b.slice/docker-" A ".scope", "", A, "docker-" A ".scope"},
	{"/a/b/" A, "", A, ""}, /* --cgroup-parent */
	{USER "/user.slice/docker-" A ".scope", "", A, "user@1000.service"},
	{"/system.slice/nerdctl-" A ".scope", "", A, "nerdctl-" A ".scope"},
	{"/default/" A, "", A, ""},
	{"/system.slice:docker:" A, "", A, ""}, /* the other driver than docker thinks */
	{"/machine.slice/libpod-" A ".scope", "", A, "libpod-" A ".scope"},
	{"/machine.slice/libpod-" A ".scope/container", "", A, "libpod-" A ".scope"},
	{"/machine.slice/machine-libpod_pod_" B ".slice/libpod-" A ".scope/container", "", A,
	 "libpod-" A ".scope"},
	{"/machine.slice/machine-libpod_pod_" B ".slice", "", "", "machine-libpod_pod_" B ".slice"},
	{"/libpod_parent/libpod-" A, "", A, ""},
	{"/libpod_parent/" B "/libpod-" A, "", A, ""},
	{"/libpod_parent/" B "/conmon", "", "", ""},
	{USER "/user.slice/libpod-" A ".scope/container", "", A, "user@1000.service"},
	{"/system.slice/web.service/libpod-payload-" A, "", A, "web.service"},
	{"/system.slice/web.service/runtime", "", "", "web.service"},
	{"/machine.slice/machine-libpod_pod_" B ".slice/libpod-" A ".scope", "", A,
	 "libpod-" A ".scope"},
	{USER "/user.slice/user-libpod_pod_" B ".slice/libpod-" A ".scope/container", "", A,
	 "user@1000.service"},
	{USER "/app.slice/web.service/libpod-payload-" A, "", A, "user@1000.service"},
	/* Monitors. */
	{BURSTABLE SLICE_UID ".slice/crio-conmon-" A ".scope", UID, "", "crio-conmon-" A ".scope"},
	{"/kubepods/burstable/pod" UID "/crio-conmon-" A, UID, "", ""},
	{"/machine.slice/libpod-conmon-" A ".scope", "", "", "libpod-conmon-" A ".scope"},
	/* What a container calls its own cgroups. */
	{"/docker/" A "/docker/" B, "", A, ""},
	{"/kubepods/pod" UID "/" A "/kubepods/pod" STATIC "/" B, UID, A, ""},
	{"/kubepods/pod" UID "/" A BURSTABLE STATIC ".slice/crio-" B ".scope", UID, A, ""},
	/* Not quite a container. */
	{"/docker/" A "0", "", "", ""},
	{"/docker/0123456789abcdef", "", "", ""},
	{"/docker/x" A, "", "", ""},
	{"/docker/" A ".slice", "", "", ""},
	{"/docker/0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef", "", "", ""},
	{"/system.slice/" A "-1f.service", "", "", A "-1f.service"},
	/* Not quite a pod. */
	{"/pod" UID "/" A, "", A, ""},
	{"/burstable/pod" UID, "", "", ""},
	{"/kubepods/guaranteed/pod" UID, "", "", ""},
	{"/kubepods/x/pod" UID, "", "", ""},
	{"/kubepods/burstable/x/pod" UID, "", "", ""},
	{"/kubepods/pod", "", "", ""},
	{"/kubepods/pod" UID ".x", "", "", ""},
	{"/kubepods/pod" UID "\n", "", "", ""},
	{"/kubepods.slice/kubepods-pod.slice", "", "", "kubepods-pod.slice"},
	{"/kubepods.slice/xkubepods-pod" SLICE_UID ".slice", "", "",
	 "xkubepods-pod" SLICE_UID ".slice"},
	{"/kubepods.slice/kubepods-pod" SLICE_UID ".slices", "", "", "kubepods.slice"},
	{"/kubepods.slice/kubepods-pod" SLICE_UID ".scope", "", "",
	 "kubepods-pod" SLICE_UID ".scope"},
	{"/kubepods.slice/kubepods-x-pod" SLICE_UID ".slice", "", "",
	 "kubepods-x-pod" SLICE_UID ".slice"},
	/* 63 and 64 characters. */
	{"/kubepods/pod" FIFTY TEN "aaa/" A, FIFTY TEN "aaa", A, ""},
	{"/kubepods/pod" FIFTY TEN "aaaa/" A, "", A, ""},
	/* Units. */
	{"/system.slice/ssh.service", "", "", "ssh.service"},
	{"/system.slice/ssh.service/", "", "", "ssh.service"},
	{"//system.slice///ssh.service//x", "", "", "ssh.service"},
	{"/system.slice/a.service/b.service", "", "", "a.service"},
	{"/system.slice/a.service/b.slice", "", "", "a.service"},
	{"/system.slice/.control/a.service", "", "", "system.slice"},
	{"/system.slice/dbus.socket", "", "", "dbus.socket"},
	{"/system.slice/dev-hugepages.mount", "", "", "dev-hugepages.mount"},
	{"/system.slice/system-getty.slice/getty@tty2.service", "", "", "getty@tty2.service"},
	{"/system.slice/system-getty.slice/getty@.service", "", "", "system-getty.slice"},
	{"/system.slice/@tty2.service", "", "", "system.slice"},
	{"/system.slice/sshd@3-10.0.0.1:22-10.0.0.2:50000.service", "", "",
	 "sshd@3-10.0.0.1:22-10.0.0.2:50000.service"},
	{"/system.slice/system-serial\\x2dgetty.slice/serial-getty@ttyS0.service", "", "",
	 "serial-getty@ttyS0.service"},
	{"/machine.slice/machine-qemu\\x2d1\\x2dvm.scope/libvirt/vcpu0", "", "",
	 "machine-qemu\\x2d1\\x2dvm.scope"},
	{"/system.slice/system-cpu.slice/_cpu.service/x", "", "", "cpu.service"},
	{"/_cpu.slice/x", "", "", "cpu.slice"},
	{"/init.scope", "", "", "init.scope"},
	{"/system.slice", "", "", "system.slice"},
	{"/a.slice/a-b.slice/x/c.slice", "", "", "a-b.slice"},
	{"/a.slice/a@b.slice", "", "", "a.slice"},
	{"/a.slice/.slice", "", "", "a.slice"},
	{"/a.slice/b.servic", "", "", "a.slice"},
	{"/a.slice/b.wants", "", "", "a.slice"},
	{"/a.slice/b#.service", "", "", "a.slice"},
	{"/a.slice/b c.service", "", "", "a.slice"},
	{"/a.slice/b\x1b[1m.service", "", "", "a.slice"},
	{"/a.slice/b\"} 1.service", "", "", "a.slice"},
	{"/a.slice/b\nc.service", "", "", "a.slice"},
	{"/kubepods/pod" UID "\"", "", "", ""},
	{"/a.slice/\xff.service", "", "", "a.slice"},
	{"/user.slice/user-1000.slice/session-3.scope", "", "", "session-3.scope"},
	{"/user.slice/user-1000.slice", "", "", "user-1000.slice"},
	{USER "/app.slice/x.service", "", "", "user@1000.service"},
	{USER "/init.scope", "", "", "user@1000.service"},
	{USER "/app.slice/app-org.gnome.Terminal.slice/vte-spawn-" UID ".scope", "", "",
	 "user@1000.service"},
	{"/machine.slice/systemd-nspawn@c1.service/payload/system.slice/x.service", "", "",
	 "systemd-nspawn@c1.service"},
	{"/system.slice/slurmstepd.scope/job_7/step_0/user/task_0", "", "", "slurmstepd.scope"},
	{"/lxc.payload.c1/system.slice/x.service", "", "", ""},
	/* Paths that are none. */
	{"/", "", "", ""},
	{"///", "", "", ""},
	{"", "", "", ""},
	{"system.slice/ssh.service", "", "", ""},
	{"docker/" A, "", "", ""},
	{"/../system.slice/ssh.service", "", "", ""},
	{"/../../docker/" A, "", "", ""},
	{"/docker/" A "/..", "", "", ""},
	{"/system.slice/./ssh.service", "", "", ""},
	{"/system.slice/.../ssh.service", "", "", "system.slice"},
	{"\n/docker/" A, "", "", ""},
	/* The longest name, and a longer one. */
	{"/" LONG ".swap/x", "", "", LONG ".swap"},
	{"/a.slice/" LONG "a.swap/b.slice/" A, "", A, "a.slice"},
};

static void test_parse(void **data)
{
	for (size_t i = 0; i < NR(paths); i++) {
		struct cgroup_path got;

		memset(&got, 'x', sizeof(got));
		cgroup_path_parse(paths[i].path, &got);
		if (strcmp(got.pod_uid, paths[i].pod_uid) ||
		    strcmp(got.container_id, paths[i].container_id) ||
		    strcmp(got.unit, paths[i].unit))
			fail_msg("%s: pod_uid \"%s\", container_id \"%s\", unit \"%s\"",
				 paths[i].path, got.pod_uid, got.container_id, got.unit);
	}
}

/* As long as the kernel allows, and longer, in one name and in many. */
static void test_long(void **data)
{
	static char path[3 * 4096];
	struct cgroup_path got;

	memset(path, 'a', 4096);
	path[0] = '/';
	cgroup_path_parse(path, &got);
	assert_string_equal(got.unit, "");

	strcpy(path + 4096, "/system.slice/docker-" A ".scope");
	cgroup_path_parse(path, &got);
	assert_string_equal(got.unit, "");
	assert_string_equal(got.container_id, A);

	for (size_t i = 0; i < sizeof(path) - 64; i += 8)
		strcpy(path + i, "/a.slice");
	strcat(path, "/x.service/y.scope");
	cgroup_path_parse(path, &got);
	assert_string_equal(got.unit, "x.service");

	/* Only slashes; and each byte in the name of a unit. */
	memset(path, '/', sizeof(path) - 1);
	cgroup_path_parse(path, &got);
	assert_string_equal(got.unit, "");
	for (int c = 1; c < 256; c++) {
		bool good = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
			    (c >= 'a' && c <= 'z') || strchr(":-_.\\@", c);
		char unit[16];

		snprintf(unit, sizeof(unit), "b%cc.service", c);
		snprintf(path, sizeof(path), "/a.slice/%s", unit);
		cgroup_path_parse(path, &got);
		assert_string_equal(got.unit, good ? unit : "a.slice");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
