# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# The rules of system PMUs that show in what is loaded, and what else tests of them share. Sourced
# after check.sh, by who says how modules are loaded and unloaded: core, backend, acme, device
# PARAMETER=VALUE..., and unload, which unloads all of them.
class=/sys/class/paimon_cspmu
pmus=/sys/bus/event_source/devices
acme=0x042005a5
same() { [ "$1" = "$2" ] || { echo "got: $1 instead of: $2"; return 1; }; }
# Whether the kernel, which asks for a module, gets it.
automatic() {
	case $1 in
	off) echo 'install paimon_cspmu_nvidia /bin/false' >/etc/modprobe.d/27-cspmu.conf ;;
	on) rm -f /etc/modprobe.d/27-cspmu.conf ;;
	esac
}
# until_bound DEVICE PMU: the module is asked for without waiting for it.
until_bound() {
	for _ in $(seq 300); do
		[ "$(<$class/"$1"/pmu)" != "$2" ] || return 0
		sleep 0.1
	done
	grep . $class/"$1"/{pmu,backend,waits_for}
	return 1
}
# counts DEVICE PMU EVENT: by number, through stock perf, and nothing of it is lost. On the debug
# kernel perf takes seconds to start, and does to the PMU what the test does.
counts() {
	if [ -e /sys/kernel/debug/kmemleak ]; then
		same "$(cspmu-test counts "$2" "$1" "$3" 12345)" 12345
		return
	fi
	same "$(perf stat -x, -a -e "$2/event=$3/" -- cspmu-test count "$1" "$3" 12345 2>&1 |
		cut -d, -f 1,3)" "12345,$2/event=$3/"
}

# b1: a device of a known implementer waits for the backend, and runs on nothing meanwhile.
waits() {
	automatic off
	device cspmu=2 cspmu_socket=36,2364 || return
	for device in soft0 soft1; do
		same "$(<$class/$device/waits_for)" paimon_cspmu_nvidia &&
			same "$(<$class/$device/pmu)" "" && same "$(<$class/$device/backend)" "" || return
	done
	! compgen -G "$pmus/*cspmu*" && ! compgen -G "$pmus/nvidia*" && backend &&
		same "$(<$class/soft0/pmu)" nvidia_scf_pmu_36 &&
		same "$(<$class/soft1/pmu)" nvidia_scf_pmu_2364 &&
		same "$(<$class/soft1/waits_for)" "" && counts 1 nvidia_scf_pmu_2364 0x1a5
}
# b6: a backend that is unloaded releases its devices; they wait for it again.
released() {
	rmmod paimon_cspmu_nvidia && [ ! -e $pmus/nvidia_scf_pmu_36 ] &&
		same "$(<$class/soft0/waits_for)" paimon_cspmu_nvidia &&
		same "$(<$class/soft0/pmu)" "" && backend && counts 0 nvidia_scf_pmu_36 0x1a5
}
# b10: every order of core, backend and device.
order() {
	unload
	for step in "$@"; do
		case $step in
		core) core ;;
		backend) backend ;;
		device) device cspmu=1 cspmu_socket=36 ;;
		asked) automatic on ;;
		out) cspmu-test plug 0 0 ;;
		in) cspmu-test plug 0 1 ;;
		gone) rmmod paimon_cspmu_nvidia ;;
		esac || return
	done
	until_bound soft0 nvidia_scf_pmu_36 && counts 0 nvidia_scf_pmu_36 0x1a5
	local status=$?
	automatic off
	return $status
}
# The implementer of this device is not one to wait for. Its event is open when the backend comes.
came_while_open() {
	unload
	device cspmu=1 cspmu_pmiidr=$acme && same "$(<$class/soft0/backend)" generic &&
		counts 0 arm_cspmu_soft0 0x10 && hold arm_cspmu_soft0 0x10 && acme
}
# b2: nothing happens to the device of an open event.
stays_while_open() {
	came_while_open && sleep 1 && same "$(<$class/soft0/pmu)" arm_cspmu_soft0 &&
		same "$(cspmu-test plug 0 0)" "Device or resource busy" && drop
}
# b3: nor when the last one ends, or after it; it changes when the device is removed and comes back.
stays_after_close() {
	came_while_open && drop && sleep 1 && same "$(<$class/soft0/pmu)" arm_cspmu_soft0 &&
		counts 0 arm_cspmu_soft0 0x10 && cspmu-test plug 0 0 && cspmu-test plug 0 1 &&
		same "$(<$class/soft0/pmu)" acme_memory_0 && same "$(<$class/soft0/backend)" acme
}
# hold PMU EVENT: an event is open until drop.
hold() {
	mkfifo /run/hold && exec 7<>/run/hold && rm /run/hold
	cspmu-test hold "$1" "$2" <&7 >/run/held 2>&1 &
	holder=$!
	trap 'kill "$holder" 2>/dev/null' EXIT # of check
	for _ in $(seq 200); do
		! grep -q open /run/held || return 0
		sleep 0.1
	done
	cat /run/held
	return 1
}
drop() {
	kill "$holder"
	wait "$holder"
	exec 7>&-
}
