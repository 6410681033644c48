# SPDX-License-Identifier: GPL-2.0
"""What the benchmarks share: a paimond of their own, processes seen from /proc,
medians, and the table."""
import contextlib
import json
import os
import pathlib
import re
import socket
import statistics
import subprocess
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BUILD_DIR", TOP / "build"))
EMULATED = "guest, Linux {}, emulated CPU: of its ns only ratios mean anything"
HERE = f"this machine, Linux {os.uname().release.split('-')[0]}"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def process(*command, **options):
    """Runs a command meanwhile, and ends it with SIGTERM."""
    running = subprocess.Popen(list(map(str, command)), **options)
    try:
        yield running
    finally:
        running.terminate()
        try:
            running.wait(30)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()


@contextlib.contextmanager
def paimond_with(work, config, *options):
    """A paimond with a configuration, once it is ready; the process, with ready_s, the
    time that took."""
    path, log = pathlib.Path(work, "paimond.conf"), pathlib.Path(work, "paimond.log")
    path.write_text(config)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify, log.open("w") as stderr:
        name = f"{work}/notify-{time.monotonic_ns()}"
        notify.bind(name)
        notify.settimeout(30)
        start = time.monotonic()
        with process(BUILD / "daemon/paimond", "--config", path, *options, stderr=stderr,
                     env={**os.environ, "NOTIFY_SOCKET": name}) as daemon:
            try:
                while b"READY=1" not in notify.recv(4096):
                    pass
            except TimeoutError:
                raise SystemExit(f"bench: paimond did not start:\n{log.read_text()}") from None
            daemon.ready_s = time.monotonic() - start
            yield daemon


def paimond(work, port, max_devices=64):
    """A replaying paimond with BPF state of its own."""
    return paimond_with(work, f"[paimond]\nsocket = {work}/paimond.sock\ngateway = {work}/gateway.sock\n"
                        f"listen = 127.0.0.1:{port}\n[iopf]\nmax_devices = {max_devices}\n"
                        "include = bench*\n", "--replay=1")


def descriptors(pid):
    """The fdinfo of each open descriptor, as a dictionary."""
    for info in pathlib.Path(f"/proc/{pid}/fdinfo").iterdir():
        with contextlib.suppress(OSError):
            yield dict(re.findall(r"^(\w+):\s*(.*)$", info.read_text(), re.MULTILINE))


def program_ids(pid):
    """The BPF programs that a process holds: id by name."""
    ids = {info["prog_id"] for info in descriptors(pid) if "prog_id" in info}
    shown = subprocess.run(["bpftool", "-j", "prog", "show"], check=True, stdout=subprocess.PIPE)
    return {program.get("name"): str(program["id"]) for program in json.loads(shown.stdout)
            if str(program["id"]) in ids}


def iopf_run(*arguments):
    """Nanoseconds of a group, those of its programs, and their runs."""
    shown = subprocess.run([BUILD / "tests/bench/iopf-run", *map(str, arguments)], check=True,
                           stdout=subprocess.PIPE, text=True)
    return [float(number) for number in shown.stdout.split()]


def paimond_programs(daemon):
    ids = program_ids(daemon.pid)
    return [ids[name] for name in ("paimon_request", "paimon_handle", "paimon_response")]


def run_lines(program, *arguments):
    """The numbers that it prints, by name."""
    shown = subprocess.run([BUILD / "tests/bench" / program, *map(str, arguments)],
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if shown.returncode:
        raise SystemExit(f"bench: {program} failed:\n{shown.stderr[-1000:]}")
    return {name: float(value) for name, value in
            (line.rsplit(" ", 1) for line in shown.stdout.splitlines())}


def in_guest(kernel, rounds, script, *files):
    """The medians of what a script here prints as JSON in a guest, run for so many
    rounds; files: what it needs beside it, of this folder or built."""
    adds = []
    for name in (script, "guest.py", *files):
        source = TOP / "tests/bench" / name
        adds += ["--add", f"{source if source.exists() else BUILD / 'tests/bench' / name}:"
                          f"/tests/{name}"]
    shown = subprocess.run([TOP / "tests/vm/run", "--kernel", kernel, "--name", "bench",
                            "--timeout", "900", *adds, "--", f"/tests/{script} {rounds}"],
                           stdout=subprocess.PIPE, text=True)
    if shown.returncode:
        raise SystemExit(f"bench: the guest failed, status {shown.returncode}:\n{shown.stdout}")
    samples = json.loads(shown.stdout.strip().splitlines()[-1])
    return {name: median(values) for name, values in samples.items()}


def median(values):
    return statistics.median(values)


def number(value, unit):
    return f"{value:,.0f} {unit}" if value >= 1000 else f"{value:.3g} {unit}"


def table(title, rows, peer):
    """rows: figure, paimon's, the peer's or None, unit, budget."""
    print(f"\n{title}\n")
    print(f"  {'figure':<56} {'paimon':>11} {peer:>14} {'ratio':>7}  budget")
    for figure, ours, theirs, unit, budget in rows:
        other = number(theirs, unit) if theirs is not None else "-"
        ratio = f"{ours / theirs:.3f}" if theirs else "-"
        print(f"  {figure:<56} {number(ours, unit):>11} {other:>14} {ratio:>7}  {budget}")
