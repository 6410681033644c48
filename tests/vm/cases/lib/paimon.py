# SPDX-License-Identifier: GPL-2.0
"""What the guest cases share: results, the daemon, the load, and the four places
in which its numbers must agree."""
import fcntl
import json
import os
import shutil
import struct
import subprocess
import sys
import time
import traceback
import urllib.parse
import urllib.request

METRICS = "http://127.0.0.1:10190/metrics"
ACCESS = {1: "read", 2: "write", 3: "read_write"}
RESPONSES = ["success", "invalid", "failure"]
NNPA_IOCTL = 3 << 30 | 32 << 16 | 0xB7 << 8 | 6


# A kernel that checks everything, or a run that need not repeat everything.
SLOW = os.path.exists("/sys/kernel/debug/kmemleak")
SHORT = SLOW or "PAIMON_SHORT" in os.environ


def run(*command, **options):
    """Runs a command to its end and returns its output; a failure raises."""
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True,
                          **options).stdout


def read(path):
    with open(path) as file:
        return file.read().strip()


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


def case(name, function):
    """One result line: ok, or not ok with what went wrong."""
    try:
        function()
        print(f"ok {name}", flush=True)
    except Exception as error:
        traceback.print_exc(file=sys.stderr)
        print(f"not ok {name} - {type(error).__name__}: {str(error)[:300]}", flush=True)


def equal(what, got, expected):
    if got != expected:
        raise AssertionError(f"{what}: got {got}, expected {expected}")


def until(what, function, seconds=300):
    """Asks until the answer is yes, and returns it."""
    end = time.monotonic() + seconds
    while not (answer := function()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.1)
    return answer


def reload():
    """Its exit status says whether all counts at once; what does not is tried again."""
    subprocess.run(["systemctl", "reload", "paimond"], stderr=subprocess.DEVNULL)


def perf_events(pid):
    """The descriptors of perf events that a process has; it may close one meanwhile."""
    found = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            if "perf_event" in os.readlink(f"/proc/{pid}/fd/{fd}"):
                found.append(fd)
        except FileNotFoundError:
            pass
    return found


def unload():
    run("/tests/cases/lib/unload")


def fresh_start():
    """Modules and daemon without a past: all counters are zero."""
    run("systemctl", "stop", "paimond")
    unload()
    for pins in "iopf-4", "nnpa-2", "nnpa-accounts-1", "pai-2", "cspmu-2":
        shutil.rmtree(f"/sys/fs/bpf/paimon/{pins}", ignore_errors=True)
    run("modprobe", "paimon")
    run("modprobe", "paimon_soft")
    run("systemctl", "start", "paimond")


def change_jit():
    """BPF programs that are loaded from now on are compiled if they were interpreted, or the
    other way. False where the kernel has only one of the two."""
    path = "/proc/sys/net/core/bpf_jit_enable"
    with open(path) as file:
        before = file.read().strip()
    try:
        with open(path, "w") as file:
            file.write("1" if before == "0" else "0")
    except OSError:
        return False
    return True


def execute_nnpa(cpu, function, count):
    """Has a CPU execute a function of the software unit; returns how much of it was counted."""
    os.sched_setaffinity(0, {cpu})
    call = bytearray(struct.pack("=IIIIQQ", 32, 0, function, 0, count, 0))
    with open("/dev/paimon-soft", "r+b", buffering=0) as soft:
        fcntl.ioctl(soft, NNPA_IOCTL, call)
    return struct.unpack_from("=Q", call, 24)[0]


def load_command(requests, groups, processes=4, devices=3, seed=1):
    return ["paimon-soft-load", "--requests", str(requests), "--groups", str(groups), "--calls", "0",
            "--processes", str(processes), "--devices", str(devices), "--seed", str(seed)]


def start_load(*arguments, **options):
    return subprocess.Popen(load_command(*arguments, **options), stdout=subprocess.PIPE, text=True)


def end_load(load):
    """The plan of a load that has played; raises if a response was not as planned."""
    output = load.communicate()[0]
    equal("exit status of paimon-soft-load", load.returncode, 0)
    plan = json.loads(output)["devices"]
    return {device: {"requests": numbers["requests"], "groups": numbers["groups"]}
            for device, numbers in plan.items()}


def add(plan, other):
    return {device: {kind: {label: plan[device][kind][label] + other[device][kind][label]
                            for label in plan[device][kind]} for kind in plan[device]}
            for device in plan}


def from_module(devices):
    """PAIMON_SOFT_STATS: the module's own counters."""
    fd = os.open("/dev/paimon-soft", os.O_RDWR)
    result = {}
    for device in range(devices):
        stats = bytearray(struct.pack("=IIII", 168, 0, device, 0) + bytes(152))
        fcntl.ioctl(fd, 3 << 30 | 168 << 16 | 0xB7 << 8 | 4, stats)
        numbers = struct.unpack_from("=8Q4Q", stats, 16)
        result[f"soft{device}"] = {
            "requests": {name: numbers[perm] for perm, name in ACCESS.items()},
            "groups": {"success": numbers[8], "invalid": numbers[9]}}
    os.close(fd)
    return result


def from_maps():
    """The pinned map, read by bpftool: struct iopf_device of bpf/iopf.h."""
    dump = json.loads(run("bpftool", "-j", "map", "dump", "pinned",
                          "/sys/fs/bpf/paimon/iopf-4/iopf_devices"))
    result = {}
    for element in dump:
        data = bytes(int(byte, 16) for byte in element["value"][:184])
        name = data[:64].split(b"\0")[0].decode()
        numbers = struct.unpack_from("=8Q4Q", data, 88)
        if name:
            result[name] = {
                "requests": {label: numbers[perm] for perm, label in ACCESS.items()},
                "groups": {"success": numbers[8], "invalid": numbers[9]}}
    return result


def scrape(url=METRICS):
    """/metrics as {(name, frozenset of labels): value}."""
    from prometheus_client.parser import text_string_to_metric_families
    text = urllib.request.urlopen(url).read().decode()
    samples = [((sample.name, frozenset(sample.labels.items())), sample.value)
               for family in text_string_to_metric_families(text) for sample in family.samples]
    equal("series that are there once", len(dict(samples)), len(samples))
    return dict(samples)


def value(samples, name, /, **labels):
    return samples.get((name, frozenset(labels.items())), 0)


def from_metrics(devices, samples=None):
    samples = samples or scrape()
    return {device: {
        "requests": {label: value(samples, "paimon_iopf_requests_total", device=device,
                                  access=label) for label in ACCESS.values()},
        "groups": {label: value(samples, "paimon_iopf_groups_total", device=device,
                                handler="kernel", response=label) for label in ("success", "invalid")}}
        for device in devices}


def check_timed(plan, samples=None):
    """Every group was timed, in every stage, and nothing was lost or dropped."""
    samples = samples or scrape()
    for device, numbers in plan.items():
        groups = sum(numbers["groups"].values())
        for metric in ("queue_seconds", "service_seconds", "duration_seconds", "requests"):
            handler = {"handler": "kernel"} if metric == "duration_seconds" else {}
            equal(f"{device} {metric}",
                  value(samples, f"paimon_iopf_group_{metric}_count", device=device, **handler),
                  groups)
        equal(f"{device} sum of sizes",
              value(samples, "paimon_iopf_group_requests_sum", device=device),
              sum(numbers["requests"].values()))
        for reason in ("timeout", "overlap", "unseen"):
            equal(f"{device} lost {reason}",
                  value(samples, "paimon_iopf_groups_lost_total", device=device,
                        reason=reason), 0)
        equal(f"{device} outstanding",
              value(samples, "paimon_iopf_outstanding_groups", device=device), 0)
    for reason in ("iopf_devices", "iopf_groups"):
        equal(f"dropped {reason}", value(samples, "paimon_series_dropped_total", reason=reason), 0)


class Prometheus:
    """Debian's Prometheus, on loopback, scraping paimond. native: it takes histograms in native form,
    and not their classic buckets. jobs: what else it scrapes, in YAML."""

    def __init__(self, port=9090, native=False, interval="1s", rules=(), jobs=""):
        self.at = f"127.0.0.1:{port}"
        self.data = f"/tmp/prometheus-{port}"
        self.options = ["--enable-feature=native-histograms"] if native else []
        self.config = (f"global: {{scrape_interval: {interval}, evaluation_interval: {interval}}}\n"
                       f"rule_files: {json.dumps(list(rules))}\n"
                       "scrape_configs:\n"
                       "- job_name: paimon\n"
                       "  static_configs: [{targets: ['127.0.0.1:10190']}]\n" + jobs)

    def __enter__(self):
        # Another test's server may have been here, with what it had scraped.
        shutil.rmtree(self.data, ignore_errors=True)
        write(f"{self.data}.yml", self.config)
        self.process = subprocess.Popen(
            ["prometheus", f"--config.file={self.data}.yml", f"--storage.tsdb.path={self.data}",
             f"--web.listen-address={self.at}", "--log.level=error", *self.options])
        until("Prometheus listens", self.listens)
        return self

    def listens(self):
        try:
            return self.ask("status/runtimeinfo")
        except OSError:
            return None

    def __exit__(self, *unused):
        self.process.terminate()
        self.process.wait()

    def ask(self, what, **parameters):
        url = f"http://{self.at}/api/v1/{what}?" + urllib.parse.urlencode(parameters)
        return json.loads(urllib.request.urlopen(url).read())["data"]

    def query(self, expression):
        return self.ask("query", query=expression)["result"]

    def wait_for(self, expression, expected, seconds=300):
        """Until the answer is what is expected: the next scrape may be a second away."""
        end = time.monotonic() + seconds
        answer = None
        while time.monotonic() < end:
            try:
                answer = {tuple(sorted((key, text) for key, text in sample["metric"].items()
                                       if key not in ("__name__", "instance", "job"))):
                          float(sample["value"][1]) for sample in self.query(expression)}
            except OSError as error:
                answer = error
            if answer == expected:
                return
            time.sleep(1)
        raise AssertionError(f"{expression}: Prometheus says {answer}, expected {expected}")
