# SPDX-License-Identifier: GPL-2.0
"""The rules of attribution, f1 to f6 (tests/bpf/attribution on the machine's own kernel,
tests/vm/cases/67-attribution in guests): what is served beside what attribution-load knows."""
import collections
import contextlib
import fnmatch
import http.client
import itertools
import json
import os
import random
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
NNPA = ("counter", "paimon_nnpa_events_total",
        ("paimon_nnpa_cgroup_events_total", "paimon_nnpa_departed_events_total"),
        ("paimon_nnpa_task_events_total", "paimon_nnpa_departed_task_events_total"))
TIMES = [("paimon_event_cgroup_{}_seconds_total", "paimon_event_departed_{}_seconds_total",
          "paimon_event_{}_seconds_total", word) for word in ("enabled", "running")]
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
        return sum(value for _, value in self.points.get(metric, [])
                   if _.items() >= where.items())

    def agrees(self):
        """f1: parts and departed ones are the total, of all that is attributed."""
        for label, total, *parts in EVENT, NNPA:
            attributed = {point[label] for point, _ in self.points.get(parts[0][0], [])}
            for (part, departed), name in itertools.product(parts, attributed):
                where = {label: name}
                if part in self.points and any(point[label] == name for point, _ in self.points[part]):
                    equal(f"{part} and departed, {name}", self.value(part, **where) +
                          self.value(departed, **where), self.value(total, **where))
        for cgroup, departed, total, word in TIMES:
            names = self.sums(cgroup.format(word), "name")
            for name, in names:
                parts = names[name,] + self.value(departed.format(word), name=name)
                whole = self.value(total.format(word), name=name)
                if abs(parts - whole) > 1e-5:
                    raise AssertionError(f"{word} by cgroup, {name}: {parts}, total {whole}")

    def follows(self, before):
        """f5: no counter that is served goes back."""
        for metric in self.points.keys() & before.points.keys():
            if not metric.endswith("_total") or not metric.startswith(("paimon_event_", "paimon_nnpa_")):
                continue
            old = {tuple(sorted(point.items())): value for point, value in before.points[metric]}
            for point, value in self.points[metric]:
                if value < old.get(tuple(sorted(point.items())), 0):
                    raise AssertionError(f"{metric}{point} goes back: {value}, was "
                                         f"{old[tuple(sorted(point.items()))]}")


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
    """Who has exited may still be leaving it."""
    def gone():
        with contextlib.suppress(FileNotFoundError):
            try:
                os.rmdir(ROOT + group)
            except OSError:
                return False
        return True
    until(f"no {group}", gone)


def in_rows(rows, *labels):
    """{(what is counted, value of each label): count}; of who has ended no switches."""
    sums = collections.Counter()
    ended = set()
    for row in rows:
        at = tuple(row[label] for label in labels)
        counts = {(EVENT, name): row[what] for name, what in EVENTS.items()}
        counts |= {(NNPA, name): count for name, count in row["nnpa"].items()}
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
    for kind in EVENT, NNPA:
        for (name, *at), value in answer.sums(kind[part][0], kind[0], *labels).items():
            if tuple(at) in wanted:
                served[(kind, name), *at] += value
    return served


PARTS = {2: ("cgroup",), 3: ("pid", "comm")}


def living(rows, part):
    """A process that has ended has departed; its cgroup need not have."""
    return rows if part == 2 else [row for row in rows if row["switches"] is not None]


def readable(what):
    (kind, name), *at = what
    return f"{name} of {' '.join(at)}"


def exact(rows, answer, since=None, names=None):
    """f1: what is served at rest is what was done, since a report and an answer."""
    for part, labels in PARTS.items():
        done = in_rows(living(rows, part), *labels)
        served = in_answer(answer, rows, *labels, part=part)
        if since:
            for what, count in in_rows(living(since[0], part), *labels).items():
                done[what] -= count
            for what, count in in_answer(since[1], rows, *labels, part=part).items():
                served[what] -= count
        for what, count in done.items():
            if not names or what[0][1] in names:
                equal(readable(what), served[what], count)


def between(low, answer, high, calls=0):
    """f1: in motion it is not less than before, nor more than after, it was served; a page fault is
    in the event before it is in /proc, and a call before the load has taken it down."""
    for part, labels in PARTS.items():
        least, most = in_rows(low, *labels), in_rows(high, *labels)
        served = in_answer(answer, low, *labels, part=part)
        threads = collections.Counter()
        for row in high:
            threads[tuple(row[label] for label in labels)] += row["threads"]
        for what, count in most.items():
            slack = threads[what[1:]] * (calls if what[0][0] is NNPA else what[0][1] == "faults")
            if not least.get(what, 0) <= served[what] <= count + slack:
                raise AssertionError(f"{readable(what)}: {served[what]} served, between "
                                     f"{least.get(what, 0)} and {count} done")


class Bed:
    """What a test has: a paimond, which it can end and start, and answers, each of which agrees
    with itself and follows the one before."""
    before = None
    programs = {"attribution-load": "attribution-load", "paimonctl": ("paimonctl",)}

    def __init__(self, socket_path, short):
        self.socket, self.short = socket_path, short
        self.cpus = (1 << os.cpu_count()) - 1

    def load(self, *groups):
        return Load(self.programs["attribution-load"], *groups)

    def ctl(self, *arguments):
        return subprocess.run([*self.programs["paimonctl"], *arguments], check=True,
                              stdout=subprocess.PIPE, text=True).stdout

    def raw_answer(self):
        connection = http.client.HTTPConnection("paimond")
        connection.sock = socket.socket(socket.AF_UNIX)
        with contextlib.closing(connection):
            connection.sock.connect(self.socket)
            connection.request("GET", "/v1/snapshot")
            response = connection.getresponse()
            body = response.read()
        equal("status", response.status, 200)
        return Answer(body)

    def answer(self):
        answer = self.raw_answer()
        answer.agrees()
        if self.before:
            answer.follows(self.before)
        self.before = answer
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


def f1_under_load(bed, work="faults=20 naps=1 compute=20000", calls=0):
    """At each of many scrapes, by group and by process."""
    go = f"go all rounds=0 cpus={bed.cpus} {work} calls={calls}"
    with bed.load("-a", "-b", "-b/inner") as load:
        load.start(4)
        load.start(4, threads=3)
        exact(load("wait"), bed.answer())
        for _ in range(4 if bed.short else 20):
            load(go)
            for _ in range(50):
                low = load("report")
                answer = bed.answer()
                between(low, answer, load("report"), calls)
            load("halt")
            exact(load("wait"), bed.answer())


def f1_processes_for_operators(bed):
    """By process only for who may see it."""
    seen = {"paimon_event_cgroup_value_total", "paimon_event_process_value_total"}
    equal("for root", seen - set(bed.answer().points), set())
    child = os.fork()
    if not child:
        os.setgroups([])
        os.setresuid(65534, 65534, 65534)
        points = bed.raw_answer().points
        os._exit(not points or any("process" in metric and metric.startswith("paimon_event_")
                                   for metric in points))
    equal("for others there is no process", os.waitpid(child, 0)[1], 0)


def f1_moves(bed):
    """A process that is at rest goes to another cgroup, and back."""
    with bed.load("-a", "-b") as load:
        load.start(4, threads=2)
        for i in range(8):
            exact(load("wait"), bed.answer())
            load(f"move {i % 4} {load.groups[(i // 4 + i + 1) % 2]}")
            load("go all rounds=5 faults=10 naps=1")
        rows = load("wait")
        exact(rows, bed.answer())
        if len(rows) != 12:
            raise AssertionError(f"{len(rows)} rows")


def f2_who_is_switched_out(bed):
    """One computes, others make page faults on the same CPU: the one has none of them; nor has it
    their switches."""
    for groups in ("-a", "-b"), ("-same",):
        with bed.load(*groups) as load:
            computes, makes = load.start(2)
            before = load("wait")
            exact(before, bed.answer())
            load(f"go {computes} rounds=0 compute=100000 cpus=1")
            load(f"go {makes} rounds={300 if bed.short else 2000} faults=50 naps=1 cpus=1")
            time.sleep(0.1)
            for _ in range(10):
                low = load("report")
                answer = bed.answer()
                between(low, answer, load("report"))
            load("halt")
            after = load("wait")
            exact(after, bed.answer())
            # It is no test unless they alternated, and one of them made no fault.
            faults = [after[i]["faults"] - before[i]["faults"] for i in range(2)]
            if faults[0] > 20 or faults[1] < 1000 or after[computes]["switches"] < 100:
                raise AssertionError(f"the load: faults {faults}, {after}")


def f3_reset(bed):
    """By another process. At rest all that was counted stays, under load it may take what nobody
    has read, and nothing is there twice."""
    with bed.load("-a", "-b") as load:
        load.start(4)
        load(f"go all rounds=50 faults=20 naps=1 cpus={bed.cpus}")
        for event in "faults", "switches":
            exact(load("wait"), bed.answer())
            bed.hold(event, RESET)
            exact(load("wait"), bed.answer())
            load(f"go all rounds=50 faults=20 naps=1 cpus={bed.cpus}")
        exact(load("wait"), bed.answer())
        load(f"go all rounds=0 faults=20 naps=1 compute=20000 cpus={bed.cpus}")
        for _ in range(10):
            bed.hold("faults", RESET)
            answer = bed.answer()
            high = in_rows(load("report"), "cgroup")
            for what, count in in_answer(answer, load("report"), "cgroup", part=2).items():
                if what in high and count > high[what] + 4:
                    raise AssertionError(f"{readable(what)}: {count} served, {high[what]} done")
        load("halt")
        since = load("wait"), bed.answer()
        load("go all rounds=50 faults=20 naps=1")
        exact(load("wait"), bed.answer(), since)


def f3_disable(bed):
    """What is disabled counts nothing, and goes on when it is enabled."""
    with bed.load("-a", "-b") as load:
        load.start(4)
        load("go all rounds=50 faults=20 naps=1")
        rows = load("wait")
        exact(rows, bed.answer())
        bed.hold("faults", DISABLE)
        load("go all rounds=50 faults=20 naps=1")
        since = load("wait"), bed.answer()
        exact(rows, since[1], names=["faults"])
        exact(since[0], since[1], names=["switches"])
        bed.hold("faults", ENABLE)
        load("go all rounds=50 faults=20 naps=1")
        exact(load("wait"), bed.answer(), since)


def f3_set(bed):
    """Another event takes the place: at rest nothing is lost, under load what neither counted."""
    bed.ctl("event", "open", "--by", "process", "software/config=2/", "--name", "changed")
    EVENTS["changed"] = "faults"
    try:
        with bed.load("-a", "-b") as load:
            load.start(4)
            load("go all rounds=50 faults=20 naps=1")
            for config in 5, 2, 5:
                exact(load("wait"), bed.answer())
                bed.ctl("event", "set", "changed", f"config={config}")
                exact(load("wait"), bed.answer())
                load(f"go all rounds=50 faults=20 naps=1 cpus={bed.cpus}")
            exact(load("wait"), bed.answer())
            load(f"go all rounds=0 faults=20 naps=1 compute=20000 cpus={bed.cpus}")
            for config in 2, 5, 2, 5, 2:
                bed.ctl("event", "set", "changed", f"config={config}")
                answer = bed.answer()
                high = in_rows(load("report"), "cgroup")
                for what, count in in_answer(answer, load("report"), "cgroup", part=2).items():
                    if count > high[what] + 4:
                        raise AssertionError(f"{readable(what)}: {count} served, {high[what]} done")
            load("halt")
            since = load("wait"), bed.answer()
            load("go all rounds=50 faults=20 naps=1")
            exact(load("wait"), bed.answer(), since)
    finally:
        del EVENTS["changed"]
        bed.ctl("event", "close", "changed")


def f4_killed(bed, work="faults=20 naps=1 compute=20000", calls=0):
    """At any instruction, while it is scraped and while it is not."""
    draw = random.Random(4)
    with bed.load("-a", "-b", "-b/inner") as load:
        load.start(8)
        load(f"go all rounds=0 {work} cpus={bed.cpus} calls={calls}")
        for i in range(3 if bed.short else 20):
            time.sleep(draw.random() * 0.2)
            low = load("report")
            answer = bed.answer()
            between(low, answer, load("report"), calls)
            if i % 2:
                with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as asking:
                    asking.connect(bed.socket)
                    asking.sendall(b"GET /v1/snapshot HTTP/1.1\r\nHost: paimond\r\n\r\n")
            time.sleep(draw.random() * 0.02)
            bed.kill()
        load("halt")
        rows = load("wait")
        exact(rows, bed.answer())
        equal("executions that nobody counted", sum(row["uncounted"] for row in rows), 0)


def f4_restarted(bed):
    """What comes and goes is the daemon alone."""
    with bed.load("-a", "-b") as load:
        load.start(4)
        load(f"go all rounds=0 faults=20 naps=1 compute=20000 cpus={bed.cpus}")
        for _ in range(1 if bed.short else 5):
            bed.restart()
            bed.answer()
        load("halt")
        exact(load("wait"), bed.answer())


def f5_short_cgroups(bed, series=64, number=1000):
    """They come and go, one beside them stays: all is somebody's, and nobody has what another had."""
    number = number // 5 if bed.short else number
    bed.configure(f"[events]\nmax_cgroup_series = {series}\n" + CONFIG)
    bed.before = None
    with bed.load("-steady", "-short") as load:
        steady, short = load.groups
        load(f"start {steady}")
        os.mkdir(ROOT + short)
        base = bed.answer()
        work = collections.Counter()
        served = set()
        for i in range(number):
            group = f"{short}/{i % 300}.service"
            process = load(f"start {group}")["process"]
            load("go 0 faults=3")
            load(f"go {process} faults={10 + i % 7}")
            rows = load("wait")
            work[group] += rows[-1]["faults"]
            if not i % 10:
                answer = bed.answer()
                got = answer.sums("paimon_event_cgroup_value_total", "cgroup", name="faults")
                served |= {cgroup for cgroup, in got}
                if len(got) > series // len(EVENTS) + 1:
                    raise AssertionError(f"{len(got)} values of cgroup")
                for (cgroup,), count in got.items():
                    if count > work.get(cgroup, count):
                        raise AssertionError(f"{cgroup}: {count} served, {work[cgroup]} done")
                equal("steady", got[steady,], rows[0]["faults"])
            work[group] += load(f"end {process}")["faults"] - rows[-1]["faults"]
            remove(group)
        done = sum(work.values())

        def departed():
            answer = bed.answer()
            got = answer.sums("paimon_event_cgroup_value_total", "cgroup", name="faults")
            return not any(cgroup.startswith(short + "/") for cgroup, in got) and answer
        answer = until("only what is there is served", departed)
        grown = answer.value("paimon_event_departed_value_total", name="faults") - base.value(
            "paimon_event_departed_value_total", name="faults")
        if grown > done or len(served) < 3:
            raise AssertionError(f"departed: {grown}, {done} done; served: {served}")
        other = [answer.value("paimon_event_cgroup_value_total", name="faults", cgroup="other")
                 for answer in (base, answer)]
        # Cgroups of the machine itself may have found no place either, or have gone.
        if grown + other[1] - other[0] < done:
            raise AssertionError(f"departed {grown}, other {other}: {done} done")
    bed.configure(CONFIG)


def f5_transient_scopes(bed):
    """They fold into their slice."""
    done = 0
    with bed.load(".slice") as load:
        slice, = load.groups
        os.mkdir(ROOT + slice)
        for name in "run-r1.scope", "session-7.scope", "run-u9.service":
            group = f"{slice}/{name}"
            process = load(f"start {group}")["process"]
            load(f"go {process} rounds=3 faults=10")
            load("wait")
            done += load(f"end {process}")["faults"]
            remove(group)
        answer = bed.answer()
        got = answer.sums("paimon_event_cgroup_value_total", "cgroup", name="faults")
        equal("of the slice", got[slice,], done)
        equal("scopes", [cgroup for cgroup, in got if cgroup.startswith(slice + "/")], [])


def run_rules(bed, pattern, rules, report):
    """report(name, error): those whose name matches."""
    for rule, function in rules.items():
        if not fnmatch.fnmatch(rule, pattern):
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
