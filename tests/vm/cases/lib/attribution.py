# SPDX-License-Identifier: GPL-2.0
"""The rules of attribution, f1 to f6 (tests/bpf/attribution on the machine's own kernel,
tests/vm/cases/67-attribution in guests): what is served beside what attribution-load knows."""
import collections
import contextlib
import fnmatch
import glob
import http.client
import itertools
import json
import mmap
import os
import random
import re
import socket
import subprocess
import sys
import time
import traceback

ROOT = "/sys/fs/cgroup/unified"
if not os.path.exists(ROOT + "/cgroup.procs"):
    ROOT = "/sys/fs/cgroup"
RESET, DISABLE, ENABLE = 0x2403, 0x2401, 0x2400  # PERF_EVENT_IOC_*
# What is attributed: the label of its name, its total, and its parts by cgroup and by process,
# each with what departed ones have.
EVENT = ("name", "paimon_event_value_total",
         ("paimon_event_cgroup_value_total", "paimon_event_departed_value_total"),
         ("paimon_event_process_value_total", "paimon_event_process_departed_value_total"))
NNPA, CONDITIONS = (
    ("counter", f"paimon_nnpa_{what}_total",
     (f"paimon_nnpa_cgroup_{what}_total", f"paimon_nnpa_departed_{what}_total"),
     (f"paimon_nnpa_task_{what}_total", f"paimon_nnpa_departed_task_{what}_total"))
    for what in ("events", "conditions"))
NAMES_OF_CONDITIONS = {"NNPA_SMALLBATCH", "NNPA_LARGEDIM", "NNPA_SMALLTENSOR", "NNPA_1MFRAME",
                       "NNPA_2GFRAME", "NNPA_ACCESSEXCEPT"}
TIMES = [[f"paimon_event_{whose}{word}_seconds_total" for whose in ("cgroup_", "departed_", "")]
         for word in ("enabled", "running")]
# What is compared with the load: the place of it above, and what tells one from another.
PARTS = {2: ("cgroup",), 3: ("pid", "comm")}
# The events that a test has open, and what the load calls them.
EVENTS = {"faults": "faults", "switches": "switches"}
CONFIG = """
[event faults]
spec = page-faults
by = process
[event switches]
spec = context-switches
by = process
"""


def equal(what, got, expected):
    if got != expected:
        raise AssertionError(f"{what}: got {got}, expected {expected}")


def until(what, function, seconds=120):
    end = time.monotonic() + seconds
    while not (answer := function()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.05)
    return answer


def read(path):
    with open(path) as file:
        return file.read()


class Answer:
    """/v1/snapshot: what is served at one time."""

    def __init__(self, body):
        self.points = {metric["name"]: [(point["labels"], point["value"])
                                        for point in metric["points"] if "value" in point]
                       for metric in json.loads(body)["metrics"]}

    def sums(self, metric, *labels, **where):
        """{(value of each label): sum}"""
        sums = collections.Counter()
        for point, value in self.points.get(metric, []):
            if all(point.get(label) == wanted for label, wanted in where.items()):
                sums[tuple(point[label] for label in labels)] += value
        return sums

    def value(self, metric, **where):
        return sum(value for point, value in self.points.get(metric, [])
                   if point.items() >= where.items())

    def agrees(self):
        """f1: parts and departed ones are the total, of all that is attributed."""
        for label, total, *parts in EVENT, NNPA, CONDITIONS:
            for part, departed in parts:
                for name, in self.sums(part, label):
                    where = {label: name}
                    equal(f"{part} and departed, {name}", self.value(part, **where) +
                          self.value(departed, **where), self.value(total, **where))
        for cgroup, departed, total in TIMES:
            for (name,), parts in self.sums(cgroup, "name").items():
                parts += self.value(departed, name=name)
                if abs(parts - self.value(total, name=name)) > 1e-5:
                    raise AssertionError(f"{cgroup} and departed, {name}: {parts}")

    def follows(self, before):
        """f5: no counter that is served goes back."""
        for metric in self.points.keys() & before.points.keys():
            if not re.match("paimon_(event|nnpa)_.*_total", metric):
                continue
            old = {tuple(point.values()): value for point, value in before.points[metric]}
            for point, value in self.points[metric]:
                if value < old.get(tuple(point.values()), 0):
                    raise AssertionError(f"{metric}{point} goes back: {value}, was "
                                         f"{old[tuple(point.values())]}")


class Load:
    """attribution-load, in cgroups that nobody had before."""
    numbers = itertools.count()

    def __init__(self, program, *groups):
        prefix = f"/attribution-{os.getpid()}-{next(self.numbers)}"
        self.groups = [prefix + group for group in groups]
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)

    def __call__(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def start(self, number, threads=1):
        """Processes, in turn in the cgroups."""
        return [self(f"start {self.groups[i % len(self.groups)]} {threads}")["process"]
                for i in range(number)]

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.process.stdin.close()
        self.process.wait()
        for group in reversed(self.groups):
            remove(group)


def remove(group):
    """With those in it. Who has exited may still be leaving it."""
    with contextlib.suppress(FileNotFoundError):
        for entry in os.scandir(ROOT + group):
            if entry.is_dir():
                remove(f"{group}/{entry.name}")

    def gone():
        try:
            os.rmdir(ROOT + group)
        except OSError as error:
            return isinstance(error, FileNotFoundError)
        return True
    until(f"no {group}", gone)


def of_init():
    counts = read("/proc/1/stat").rpartition(")")[2].split()
    switches = [re.findall(r"ctxt_switches:\s*(\d+)", read(path))
                for path in glob.glob("/proc/1/task/*/status")]
    return {"faults": int(counts[7]) + int(counts[9]),
            "switches": sum(int(count) for pair in switches for count in pair)}


def in_rows(rows, *labels):
    """{(what is counted, value of each label): count}; of who has ended no switches."""
    sums = collections.Counter()
    ended = set()
    for row in rows:
        at = tuple(row[label] for label in labels)
        counts = {(EVENT, name): row[what] for name, what in EVENTS.items()}
        counts |= {(CONDITIONS if name in NAMES_OF_CONDITIONS else NNPA, name): count
                   for name, count in row["nnpa"].items()}
        for what, count in counts.items():
            if count is None:
                ended.add((what, *at))
            else:
                sums[what, *at] += count
    return {key: count for key, count in sums.items() if key not in ended}


def in_answer(answer, rows, *labels, part):
    """The same of an answer."""
    served = collections.Counter()
    wanted = {tuple(row[label] for label in labels) for row in rows}
    for kind in EVENT, NNPA, CONDITIONS:
        for (name, *at), value in answer.sums(kind[part][0], kind[0], *labels).items():
            if tuple(at) in wanted:
                served[(kind, name), *at] += value
    return served


def living(rows, part):
    """A process that has ended has departed; its cgroup need not have."""
    return rows if part == 2 else [row for row in rows if row["switches"] is not None]


def in_range(what, count, least, most):
    (_, name), *at = what
    if not least <= count <= most:
        raise AssertionError(f"{name} of {' '.join(at)}: {count} served, {least} to {most} done")


class Bed:
    """What a test has: a paimond, which it can end and start, and answers, each of which agrees
    with itself and follows the one before."""
    before = None
    hidden = False  # PID 1
    keeps_program = False  # when it ends
    scrapes = 100
    series = 32  # that are few
    units = 50  # that come and go
    work, calls = "faults=20 naps=4 compute=2000", 0  # of a round under load
    programs = {"attribution-load": "attribution-load", "paimonctl": ("paimonctl",)}

    def __init__(self, socket_path, short):
        self.socket, self.short = socket_path, short
        self.cpus = (1 << os.cpu_count()) - 1

    def load(self, *groups):
        self.unseen_before = self.unseen()
        return Load(self.programs["attribution-load"], *groups)

    def find_init(self):
        """Some virtual machines hide what their PID 1 does."""
        end, before = time.monotonic() + 10, of_init()["switches"]
        while of_init()["switches"] < before + 5 and time.monotonic() < end:
            subprocess.run(["sh", "-c", "sleep 0.01 &"], check=True)  # an orphan: init reaps it
        if of_init()["switches"] >= before + 5 and not self.raw_answer().value(
                "paimon_event_process_value_total", pid="1", name="switches"):
            print("# BPF programs do not see that PID 1 is switched out: others have what it does")
            self.hidden = True

    def unseen(self):
        """What was done by who is invisible to BPF programs: it goes to others, at most."""
        return of_init() if self.hidden else {}

    def slack(self, name):
        return self.unseen().get(name, 0) - self.unseen_before.get(name, 0)

    def ctl(self, *arguments):
        return subprocess.run([*self.programs["paimonctl"], *arguments], check=True,
                              stdout=subprocess.PIPE, text=True).stdout

    def get(self, path):
        connection = http.client.HTTPConnection("paimond")
        connection.sock = socket.socket(socket.AF_UNIX)
        with contextlib.closing(connection):
            connection.sock.connect(self.socket)
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read()
        equal("status", response.status, 200)
        return body.decode()

    def raw_answer(self):
        return Answer(self.get("/v1/snapshot"))

    def answer(self):
        answer = self.raw_answer()
        answer.agrees()
        if self.before:
            answer.follows(self.before)
        self.before = answer
        return answer

    def exact(self, rows, since=None, names=None):
        """f1: what is served at rest is what was done, since a report and an answer; the answer."""
        answer = self.answer()
        for part, labels in PARTS.items():
            done = in_rows(living(rows, part), *labels)
            served = in_answer(answer, rows, *labels, part=part)
            if since:
                for what, count in in_rows(living(since[0], part), *labels).items():
                    done[what] -= count
                for what, count in in_answer(since[1], rows, *labels, part=part).items():
                    served[what] -= count
            for what, count in done.items():
                name = what[0][1]
                if not names or name in names:
                    in_range(what, served[what], count, count + self.slack(EVENTS.get(name)))
        return answer

    def between(self, load):
        """f1: in motion it is not less than before, nor more than after, it was served; a page
        fault is in the event before it is in /proc, and a call before the load says so."""
        low = load("report")
        answer = self.answer()
        high = load("report")
        for part, labels in PARTS.items():
            least, most = in_rows(low, *labels), in_rows(high, *labels)
            served = in_answer(answer, low, *labels, part=part)
            threads = collections.Counter()
            for row in high:
                threads[tuple(row[label] for label in labels)] += row["threads"]
            for what, count in most.items():
                kind, name = what[0]
                early = EVENTS[name] == "faults" if kind is EVENT else self.calls
                in_range(what, served[what], least.get(what, 0), count + early *
                         threads[what[1:]] + self.slack(EVENTS.get(name)))

    def at_most(self, load):
        """Not more than was done; what nobody had read may be lost."""
        answer = self.answer()
        rows = load("report")
        most = in_rows(rows, "cgroup")
        for what, count in in_answer(answer, rows, "cgroup", part=2).items():
            if what in most:
                in_range(what, count, 0, most[what] + 4 + self.slack(EVENTS.get(what[0][1])))
        return answer

    def comes_back(self):
        def answers():
            try:
                return self.raw_answer().points.get("paimon_event_cgroup_value_total")
            except OSError:
                return False
        until("paimond answers", answers)

    def hold(self, event, *requests):
        """Another process opens an event, and does something to it."""
        self.ctl("event", "exec", event, "--", sys.executable, "-c",
                 "import fcntl, os, sys\n"
                 "for request in map(int, sys.argv[1:]):\n"
                 "    for fd in range(3, 3 + int(os.environ['LISTEN_FDS'])):\n"
                 "        fcntl.ioctl(fd, request, 0)", *map(str, requests))


# The rules. The name of a test begins with that of its rule.


def f1_under_load(bed):
    """At each of many scrapes, by group and by process."""
    with bed.load("-a", "-b", "-b/inner") as load:
        load.start(4)
        load.start(4, threads=3)
        bed.exact(load("wait"))
        for first in range(0, bed.scrapes, 25):
            load(f"go all rounds=0 cpus={bed.cpus} {bed.work}")
            for _ in range(min(25, bed.scrapes - first)):
                bed.between(load)
            load("halt")
            bed.exact(load("wait"))


def f1_processes_for_operators(bed):
    """By process only for who may see it; the idle tasks are one."""
    seen = {"paimon_event_cgroup_value_total", "paimon_event_process_value_total"}
    answer = bed.answer()
    equal("for root", seen - set(answer.points), set())
    idle = answer.sums("paimon_event_process_value_total", "comm", name="switches", pid="0")
    equal("who has PID 0", idle.keys() - {("idle",)}, set())
    child = os.fork()
    if not child:
        os.setgroups([])
        os.setresuid(65534, 65534, 65534)
        points = bed.raw_answer().points
        os._exit(not points or any("process" in metric and metric.startswith("paimon_event_")
                                   for metric in points))
    equal("for others there is no process", os.waitpid(child, 0)[1], 0)


ID = "0123456789abcdef" * 4
# Names of cgroups below a slice, as they are shown, and what paimon_cgroup_info has of them. The
# kernel takes any byte but a newline.
NAMES = ((b'a"\\{},= b', 'a"\\{},= b', "", ""),
         ("\u00fc.service".encode(), "\u00fc.service", "", ""),
         (b"a\\x2db.service", "a\\x2db.service", "", "a\\x2db.service"),
         (b"\xff", "#\\xff", "", ""),
         (b"\xfe\x1b[1m", "#\\xfe\\x1b[1m", "", ""),
         (f"docker-{ID}.scope/\r".encode(), f"#docker-{ID}.scope/\\x0d", ID,
          f"docker-{ID}.scope"),
         (b"a\\x2db.service/\xff", "#a\\x5cx2db.service/\\xff", "", "a\\x2db.service"),
         (b"/".join([b"l" * 250] * 15), None, "", ""),  # 3,764 bytes
         (b"/".join([b"d"] * 16), None, "", ""))


def f1_names(bed):
    """Cgroups of any name are served, in text as in JSON, each with what its path says; one that is
    too long or too deep is others'."""
    slice = f"/attribution-{os.getpid()}.slice"
    before = bed.answer()

    def enter(folder):
        with open(folder + b"/cgroup.procs", "w") as file:
            file.write("0")

    try:
        for name, *_ in NAMES:
            folder = os.path.join(os.fsencode(ROOT + slice), name)
            os.makedirs(folder)
            subprocess.run(["true"], check=True, preexec_fn=lambda: enter(folder))
        answer = bed.answer()
        text = re.findall(r'^paimon_event_cgroup_value_total\{name="faults",cgroup="((?:[^"\\]|'
                          r'\\.)*)"\} \d+$', bed.get("/metrics"), re.M)
        text = [re.sub(r"\\(.)", r"\1", label) for label in text]
    finally:
        remove(slice)
    wanted = {"#" * (shown[0] == "#") + f"{slice}/{shown.removeprefix('#')}":
              (container, unit or slice[1:]) for _, shown, container, unit in NAMES if shown}
    got = {cgroup: count for cgroup, count in named(answer).items() if slice in cgroup}
    equal("cgroups", got.keys(), wanted.keys())
    equal("with page faults", [cgroup for cgroup, count in got.items() if not count], [])
    equal("in text", sorted(label for label in text if slice in label), sorted(wanted))
    equal("info", {cgroup: info for cgroup, *info in answer.sums(
        "paimon_cgroup_info", "cgroup", "container_id", "unit") if slice in cgroup},
          {cgroup: list(info) for cgroup, info in wanted.items()})
    dropped = [one.value("paimon_series_dropped_total", reason="events_cgroups")
               for one in (before, answer)]
    others = [named(one)["other"] for one in (before, answer)]
    if dropped[1] - dropped[0] < 2 or others[1] - others[0] < 20:
        raise AssertionError(f"others: {dropped}, {others}")


def f1_moves(bed):
    """A process that is at rest goes to another cgroup, and back."""
    with bed.load("-a", "-b") as load:
        load.start(4, threads=2)
        for i in range(8):
            bed.exact(load("wait"))
            load(f"move {i % 4} {load.groups[(i // 4 + i + 1) % 2]}")
            load("go all rounds=5 faults=10 naps=1")
        rows = load("wait")
        bed.exact(rows)
        equal("processes in cgroups", len(rows), 12)


def alternate(bed, *groups):
    """One process computes, another one makes page faults, on the same CPU."""
    with bed.load(*groups) as load:
        computes, makes = load.start(2)
        before = load("wait")
        bed.exact(before)
        load(f"go {computes} rounds=0 compute=100000 cpus=1")
        load(f"go {makes} rounds=0 faults=50 naps=1 cpus=1")

        def alternated():
            bed.between(load)
            rows = load("report")
            return all(rows[i]["switches"] > before[i]["switches"] + 100 for i in range(2))
        until("they alternate", alternated)
        load("halt")
        after = load("wait")
        bed.exact(after)
        faults = [after[i]["faults"] - before[i]["faults"] for i in range(2)]
        if faults[0] > 20 or faults[1] < 200:
            raise AssertionError(f"faults of the load: {faults}")


def f2_who_is_switched_out(bed):
    """Who computes has none of the page faults of the other, nor its switches."""
    alternate(bed, "-a", "-b")
    alternate(bed, "-same")


def f2_who_shares_a_cgroup(bed):
    """The same where no event is counted late: there is nothing to read when a task is followed by
    one with the same accounts."""
    switches = EVENTS.pop("switches")
    try:
        bed.fresh(CONFIG.partition("[event switches]")[0])
        alternate(bed, "-a", "-b")
        alternate(bed, "-same")
    finally:
        EVENTS["switches"] = switches
        bed.fresh(CONFIG)


def enter(group):
    """The caller goes there."""
    with open(f"{ROOT}{group}/cgroup.procs", "w") as file:
        file.write("0")


def burst(pages, away):
    """Page faults, and right after them a child that goes to another cgroup and ends; the faults
    of the child."""
    with mmap.mmap(-1, pages * mmap.PAGESIZE) as memory:
        for at in range(0, len(memory), mmap.PAGESIZE):
            memory[at] = 1
    child = os.fork()
    if not child:
        enter(away)
        os._exit(0)
    return os.wait4(child, 0)[2].ru_minflt


def f2_who_moves_to_another_cgroup(bed):
    """Who follows one of its own cgroup, so that nothing is read between them, and goes to another
    cgroup before it is switched out, takes nothing along of what the one before it did."""
    pages, rounds = 2000, 20
    switches = EVENTS.pop("switches")
    try:
        bed.fresh(CONFIG.partition("[event switches]")[0].replace("process", "cgroup"))
        with bed.load("-crowd", "-away") as load:
            crowd, away = load.groups
            load.start(2)
            before = bed.answer()
            reading, writing = os.pipe()
            parent = os.fork()
            if not parent:
                os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
                enter(crowd)
                os.write(writing, b"%d" % sum(burst(pages, away) for _ in range(rounds)))
                os._exit(0)
            os.close(writing)
            with open(reading) as file:
                childrens = int(file.read())
            os.waitpid(parent, 0)
            after = bed.answer()
            served = [answer.sums(EVENT[2][0], "cgroup", name="faults") for answer in (before, after)]
            of_crowd, of_away = (served[1][group,] - served[0][group,] for group in load.groups)
            if of_crowd < pages * rounds or of_away > childrens:
                raise AssertionError(f"{of_crowd} served of at least {pages * rounds} for those who "
                                     f"stayed, {of_away} of at most {childrens} for those who left")
    finally:
        EVENTS["switches"] = switches
        bed.fresh(CONFIG)


WINDOWS = {"paimon_event_process_window": ("pid", "comm"),
           "paimon_event_cgroup_window": ("cgroup",)}


def f1_minutes(bed):
    """In the current and the last minute is all that was done since paimond began, also by those
    that have ended, when their places are no longer theirs too."""
    def compare(rows):
        answer = bed.answer()
        for metric, labels in WINDOWS.items():
            if labels == ("cgroup",) and answer.value("paimon_series_dropped_total"):
                continue  # others of the machine have the places
            got = answer.sums(metric, *labels, name="faults")
            for (what, *at), count in in_rows(rows, *labels).items():
                in_range((what, *at), got[tuple(at)], count, count + bed.slack("faults"))
            equal("minutes with nothing", [at for at, count in got.items() if not count], [])

    def come_and_go():
        with bed.load(*(f"-{i}" for i in range(40))) as load:
            load.start(40)  # of 64, so that places are given up at once
            load("go all rounds=3 faults=20")
            load("wait")
            rows = [load(f"end {process}") for process in range(40)]
            compare(rows)
        until("they have departed", lambda: not named(bed.answer()).keys() & set(load.groups))
        compare(rows)

    bed.fresh("[events]\nmax_cgroup_series = 64\n" + CONFIG.partition("[event switches]")[0])
    try:
        come_and_go()
        bed.restart()
        come_and_go()
    finally:
        bed.fresh(CONFIG)


STINT = "rounds=50 faults=20 naps=1"


def f3_reset(bed):
    """By another process. At rest all that was counted stays, under load it may take what nobody
    has read, and nothing is there twice."""
    with bed.load("-a", "-b") as load:
        load.start(4)
        for event in "faults", "switches":
            load(f"go all {STINT} cpus={bed.cpus}")
            bed.exact(load("wait"))
            bed.hold(event, RESET)
            bed.exact(load("wait"))
        load(f"go all {STINT} cpus={bed.cpus}")
        bed.exact(load("wait"))
        load(f"go all rounds=0 cpus={bed.cpus} {bed.work}")
        for _ in range(10):
            bed.hold("faults", RESET)
            bed.at_most(load)
        load("halt")
        since = load("wait"), bed.answer()
        load(f"go all {STINT}")
        bed.exact(load("wait"), since)


def f3_disable(bed):
    """What is disabled counts nothing, and goes on when it is enabled."""
    with bed.load("-a", "-b") as load:
        load.start(4)
        load(f"go all {STINT}")
        rows = load("wait")
        bed.exact(rows)
        bed.hold("faults", DISABLE)
        load(f"go all {STINT}")
        since = load("wait"), bed.exact(rows, names=["faults"])
        bed.exact(since[0], names=["switches"])
        bed.hold("faults", ENABLE)
        load(f"go all {STINT}")
        bed.exact(load("wait"), since)


def f3_set(bed):
    """Another event takes the place: at rest nothing is lost, under load what neither counted."""
    bed.ctl("event", "open", "--by", "process", "software/config=2/", "--name", "changed")
    EVENTS["changed"] = "faults"
    try:
        with bed.load("-a", "-b") as load:
            load.start(4)
            for config in 5, 2, 5:
                load(f"go all {STINT} cpus={bed.cpus}")
                bed.exact(load("wait"))
                bed.ctl("event", "set", "changed", f"config={config}")
                bed.exact(load("wait"))
            load(f"go all {STINT} cpus={bed.cpus}")
            bed.exact(load("wait"))
            load(f"go all rounds=0 cpus={bed.cpus} {bed.work}")
            for config in 2, 5, 2, 5, 2:
                bed.ctl("event", "set", "changed", f"config={config}")
                bed.at_most(load)
            load("halt")
            since = load("wait"), bed.answer()
            load(f"go all {STINT}")
            bed.exact(load("wait"), since)
    finally:
        del EVENTS["changed"]
        bed.ctl("event", "close", "changed")


def f4_killed(bed):
    """At any instruction, while it is scraped and while it is not."""
    draw = random.Random(4)
    with bed.load("-a", "-b", "-b/inner") as load:
        load.start(8)
        load(f"go all rounds=0 cpus={bed.cpus} {bed.work}")
        for i in range(4 if bed.short else 20):
            time.sleep(draw.random() * 0.2)
            bed.between(load)
            if i % 2:
                with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as asking:
                    asking.connect(bed.socket)
                    asking.sendall(b"GET /v1/snapshot HTTP/1.1\r\nHost: paimond\r\n\r\n")
            time.sleep(draw.random() * 0.02)
            bed.kill()
        load("halt")
        rows = load("wait")
        bed.exact(rows)
        equal("executions that nobody counted", sum(row["uncounted"] for row in rows), 0)


def f4_restarted(bed):
    """What comes and goes is the daemon alone. Where it cannot leave its program to the next one,
    what was counted between the two is others'."""
    with bed.load("-a", "-b") as load:
        load.start(4)
        rows = load("wait")
        before = bed.exact(rows)
        load(f"go all rounds=0 cpus={bed.cpus} {bed.work}")
        for _ in range(2 if bed.short else 5):
            bed.restart()
            if bed.keeps_program:
                bed.between(load)
            else:
                bed.at_most(load)
        load("halt")
        since = load("wait"), bed.at_most(load)
        if bed.keeps_program:
            bed.exact(since[0])
        for name, what in EVENTS.items():
            done = sum(row[what] for row in since[0]) - sum(row[what] for row in rows)
            got = [sum(named(answer, name).get(group, 0) for group in (*load.groups, "other"))
                   for answer in (before, since[1])]
            if got[1] - got[0] < done:
                raise AssertionError(f"{name} of the load and of others: {got}, {done} done")
        load(f"go all {STINT}")
        bed.exact(load("wait"), since)


def f4_other_size(bed):
    """The configuration has another size than the pinned maps: this is said, how to change it too,
    and nothing is lost. Without the maps, what was counted is others'."""
    def said(series):
        return (f"max_cgroup_series stays {series}, the size of the pinned maps (to change it stop "
                "paimond, then run paimonctl purge events-accounts-1; this loses " in bed.log())

    bed.fresh(CONFIG)  # what was counted before a reset may be in the maps alone
    with bed.load("-a", "-b") as load:
        load.start(4)
        for series in 32, 8192, 4096:
            load(f"go all {STINT}")
            rows = load("wait")
            bed.exact(rows)
            bed.end()
            bed.configure(f"[events]\nmax_cgroup_series = {series}\n" + CONFIG)
            bed.start()
            equal(f"said of {series}", said(4096), series != 4096)
            bed.exact(rows)
        bed.configure("[events]\nmax_cgroup_series = 32\ntransient_scopes = yes\n" + CONFIG)
        equal("takes a restart", bed.ctl("reload").endswith(": [events] transient_scopes\n"), True)
        equal("said at a reload", said(4096), True)
        before = bed.answer()
        bed.end()
        bed.purge("events-accounts-1")
        bed.before = None  # counters by cgroup begin anew
        bed.start()
        equal("said of new maps", said(4096), False)
        answer = bed.answer()
        for event in EVENTS:
            parts = named(answer, event)
            if answer.value(EVENT[1], name=event) < before.value(EVENT[1], name=event) or \
                    parts.get("other", 0) < before.value(EVENT[1], name=event):
                raise AssertionError(f"{event}: {parts}")
        since = load("wait"), answer
        load(f"go all {STINT}")
        rows = load("wait")
        if not answer.value("paimon_series_dropped_total"):
            bed.exact(rows, since)
        # Of other events, and for other CPUs and slots.
        bed.end()
        bed.purge(os.path.basename(bed.pins()))
        bed.configure("[events]\nmax = 100\n" + CONFIG)
        bed.before = None
        bed.start()
        since = rows, bed.answer()
        load(f"go all {STINT}")
        bed.exact(load("wait"), since)
    bed.fresh(CONFIG)


def named(answer, name="faults"):
    """{cgroup: count} of an event."""
    return {cgroup: count for (cgroup,), count in answer.sums(
        "paimon_event_cgroup_value_total", "cgroup", name=name).items()}


def short_cgroups(bed, series):
    with bed.load("-steady", "-short") as load:
        steady, short = load.groups
        load(f"start {steady}")
        os.mkdir(ROOT + short)
        base = bed.answer()
        done = collections.Counter()
        served = set()
        for i in range(200 if bed.short else 1000):
            group = f"{short}/{i % 300}.service"
            process = load(f"start {group}")["process"]
            load("go 0 faults=3")
            load(f"go {process} faults={10 + i % 7}")
            rows = load("wait")
            done[group] += rows[-1]["faults"]
            if not i % 10:
                answer = bed.answer()
                got = named(answer)
                served |= got.keys()
                nr = sum(point["cgroup"] != "other" for point, _ in
                         answer.points["paimon_event_cgroup_value_total"])
                if nr > series:
                    raise AssertionError(f"{nr} series of cgroups")
                for cgroup, count in got.items():
                    if cgroup in done:
                        in_range(((EVENT, "faults"), cgroup), count, 0,
                                 done[cgroup] + bed.slack("faults"))
                in_range(((EVENT, "faults"), steady), got.get(steady, 0), rows[0]["faults"],
                         rows[0]["faults"] + bed.slack("faults"))
                time.sleep(0.2)
            done[group] += load(f"end {process}")["faults"] - rows[-1]["faults"]
            remove(group)

        def departed():
            answer = bed.answer()
            return not any(cgroup.startswith(short + "/") for cgroup in named(answer)) and answer
        answer = until("only what is there is served", departed)
        if len(served) < 10:
            raise AssertionError(f"hardly any had a place: {served}")
        if named(answer)["other"] > named(base)["other"] and \
                not answer.value("paimon_series_dropped_total"):
            raise AssertionError("what did not fit is not counted")
        # Others of the machine may have departed, or found no place.
        grown = [one.value("paimon_event_departed_value_total", name="faults") +
                 named(one).get("other", 0) for one in (base, answer)]
        if grown[1] - grown[0] < sum(done.values()):
            raise AssertionError(f"departed and other: {grown}, {sum(done.values())} done")


def f5_short_cgroups(bed):
    """They come and go, one stays: all is somebody's, and nobody has what another had."""
    bed.fresh(f"[events]\nmax_cgroup_series = {bed.series}\n" + CONFIG.replace("process", "cgroup"))
    try:
        short_cgroups(bed, bed.series)
    finally:
        bed.fresh(CONFIG)


# What systemd and container runtimes call what comes and goes: does it count for its slice?
UNITS = {"run-r{:032x}.scope": True, "run-{}.scope/inner": True, "session-c{}.scope": True,
         "run-u{}.service": True, "run-p7-i{}.service": True, "job@{}.service": False,
         "docker-{:064x}.scope": False, "run-backup{}.service": False, "run-r{}.service": False}


def f5_transient_scopes(bed):
    """A thousand transient scopes and short services: at each scrape each has what it did, and in
    the end only their slice is served."""
    done = collections.Counter()
    with bed.load(".slice") as load:
        slice, = load.groups
        base = bed.answer()

        def served():
            answer = bed.answer()
            got = {group: count for group, count in named(answer).items()
                   if group.startswith(slice)}
            equal("cgroups that are none", got.keys() - done.keys(), set())
            for group, count in got.items():
                in_range(((EVENT, "faults"), group), count, done[group] if group == slice else 0,
                         done[group] + bed.slack("faults"))
            return got.keys() == {slice} and answer

        for i in range(bed.units):
            name, folds = list(UNITS.items())[i % len(UNITS)]
            group = f"{slice}/{name.format(i)}"
            process = load(f"start {group}")["process"]
            load(f"go {process} faults={10 + i % 7}")
            done[slice if folds else group] += load(f"end {process}")["faults"]
            remove(group.removesuffix("/inner"))
            if not i % 20:
                served()
        answer = until("only the slice is served", served)
        # Others of the machine may have departed.
        grown = [one.value("paimon_event_departed_value_total", name="faults")
                 for one in (base, answer)]
        if grown[1] - grown[0] < sum(done.values()) - done[slice]:
            raise AssertionError(f"departed: {grown}, {sum(done.values()) - done[slice]} done")


def f5_ends_elsewhere(bed):
    """The series of a process ends as a whole: also if one of the cgroups where it has been is
    removed, and departs before the process does."""
    with bed.load("-left", "-stays") as load:
        left, stays = load.groups
        pids = [load(f"start {left}")["pid"] for _ in range(16)]
        load("go all faults=7")
        load("wait")
        for process in range(16):
            load(f"move {process} {stays}")
        load("go all faults=5")
        bed.exact(load("wait"))
        remove(left)
        for process in range(16):  # the daemon looks every five seconds
            load(f"end {process}")
            for _ in range(3):
                time.sleep(0.25)
                bed.answer()
        until("all have departed", lambda: not any(
            point["pid"] in pids for point, _ in bed.answer().points.get(
                "paimon_event_process_value_total", [])))


# Under `event exec`: takes the perf event of CPU 0 out of its slot, or puts that of another CPU
# there, or one that is pinned and off, and puts it back when standard input ends.
TAKE_OUT = """
import ctypes, os, platform, struct, sys
key, value, path, how = ctypes.c_uint(int(sys.argv[1])), ctypes.c_uint(), sys.argv[2], sys.argv[3]
path = ctypes.create_string_buffer(path.encode())
calls = {"x86_64": (321, 298), "aarch64": (280, 241), "s390x": (351, 331)}[platform.machine()]
def call(number, *arguments):
    result = ctypes.CDLL(None, use_errno=True).syscall(number, *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), number)
    return result
def bpf(command, attributes):
    return call(calls[0], command, ctypes.create_string_buffer(attributes, 120), 120)
map = bpf(7, struct.pack("Q", ctypes.addressof(path)))
def put(fd):
    value.value = fd
    bpf(2, struct.pack("IIQQQ", map, 0, ctypes.addressof(key), ctypes.addressof(value), 0))
if how == "ENOENT":
    bpf(3, struct.pack("IIQ", map, 0, ctypes.addressof(key)))
elif how == "EBUSY": # page faults, disabled and pinned
    flags = 5 if sys.byteorder == "little" else 5 << 61
    attributes = ctypes.create_string_buffer(struct.pack("IIQQQQQ", 1, 64, 2, 0, 0, 0, flags), 64)
    put(call(calls[1], attributes, -1, 0, -1, 0))
else:
    put(4)
print("taken", flush=True)
sys.stdin.read()
put(3)
"""


@contextlib.contextmanager
def unreadable(bed, event, how):
    """Its reading on CPU 0 fails."""
    listed = json.loads(bed.ctl("event", "list", "--json"))
    number = [one["name"] for one in listed].index(event) + 1
    pins = bed.pins()
    dump = subprocess.run(["bpftool", "-j", "map", "dump", "pinned", pins + "/events_slots"],
                          check=True, stdout=subprocess.PIPE).stdout
    slots = [entry["formatted"] for entry in json.loads(dump)]
    slot, = [slot["key"] for slot in slots
             if (slot["value"]["event"], slot["value"]["cpu"]) == (number, 0)]
    held = subprocess.Popen([*bed.programs["paimonctl"], "event", "exec", event, "--",
                             sys.executable, "-c", TAKE_OUT, str(slot), pins + "/events_array",
                             how], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        equal("taken out", held.stdout.readline(), "taken\n")
        yield
    finally:
        held.stdin.close()
        equal("put back", held.wait(), 0)


def errors(answer, how):
    return answer.value("paimon_attribution_read_errors_total", source="events", error=how)


def f6_failed_readings(bed):
    """They are counted by errno; nothing is lost or there twice, but who was on the CPU meanwhile is
    not known."""
    bed.fresh(CONFIG)
    bed.ctl("event", "open", "page-faults", "--name", "plain")  # the same, and not attributed

    def grown(name):
        return since[1].value(EVENT[1], name=name) - before.value(EVENT[1], name=name)

    for how in "ENOENT", "EINVAL", "EBUSY":
        with bed.load("-a", "-b") as load:
            load.start(2)
            load(f"go all {STINT} cpus=1")
            rows = load("wait")
            before = bed.exact(rows)
            with unreadable(bed, "faults", how):
                load("go all rounds=500 faults=20 naps=1 cpus=1")
                load("wait")
                during = bed.exact(rows, names=["faults"])
                bed.exact(load("wait"), names=["switches"])
            if errors(during, how) - errors(before, how) < 100:
                raise AssertionError(f"failed: {errors(before, how)}, then {errors(during, how)}")
            time.sleep(0.1)
            since = load("wait"), bed.answer()
            done = sum(row["faults"] for row in since[0]) - sum(row["faults"] for row in rows)
            # The two are not read at the same instant.
            if not done <= grown("faults") <= 1.1 * grown("plain") + 1000:
                raise AssertionError(f"{grown('faults')} counted, {done} done by the load, "
                                     f"{grown('plain')} by all")
            load(f"go all {STINT} cpus=1")
            after = bed.exact(load("wait"), since)
            equal("failed readings", errors(after, how), errors(since[1], how))
    bed.ctl("event", "close", "plain")


def run_rules(bed, pattern, rules, report):
    """report(name, error): those whose name matches."""
    for rule, function in rules.items():
        if not fnmatch.fnmatch("test_" + rule, pattern):
            continue
        bed.before = None
        error = None
        try:
            function(bed)
        except Exception as caught:
            traceback.print_exc(file=sys.stderr)
            error = f"{type(caught).__name__}: {str(caught)[:300]}"
        report(rule, error)


RULES = {name: function for name, function in globals().items()
         if name[0] == "f" and name[1].isdigit()}
