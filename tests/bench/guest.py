# SPDX-License-Identifier: GPL-2.0
"""What the parts of benchmarks share that run in a guest."""
import json
import subprocess


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def write(path, value):
    with open(path, "w") as file:
        file.write(str(value))


def set_statistics(on):
    write("/proc/sys/kernel/bpf_stats_enabled", on)


def statistics(names):
    """Runs and nanoseconds of BPF programs by name."""
    found = {program["name"]: (program.get("run_cnt", 0), program.get("run_time_ns", 0))
             for program in json.loads(run("bpftool", "-j", "prog", "show"))
             if program.get("name") in names}
    return [found.get(name, (0, 0)) for name in names]


def bpftrace_maps(path):
    """The maps that bpftrace has written as JSON."""
    with open(path) as file:
        return [line["data"] for line in map(json.loads, file) if line["type"] == "map"]
