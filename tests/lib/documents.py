# SPDX-License-Identifier: GPL-2.0
"""What the documents show, so that tests run it. A fenced block says by its first word what it is:

    console  typed where paimond runs, `# ` by root and `$ ` by any user, each command with its output;
             52-docs runs it in a guest
    sh       typed in a checkout of paimon: CHECKOUT has what runs it
    ini      a part of paimond.conf
    yaml     a part of prometheus.yml
    text     not typed
"""
import re
from pathlib import Path

# The commands that no test runs as they are, with what does in their place.
CHECKOUT = {
    "./dev demo": "bpf/demo",
    "./dev test": "it runs the tests",
    "./dev vm": "it runs the guests of all tests",
    "./dev package && apt-get install ./build/packages/paimon_*.deb": "package/build, package/install",
    "meson setup build --prefix=/usr --sysconfdir=/etc && meson compile -C build && meson install -C build":
        "./dev does the same, unit/installed, and each guest",
    "systemd-sysusers && systemd-tmpfiles --create && udevadm control --reload": "each guest, when it boots",
    "systemctl daemon-reload && systemctl enable --now paimond": "each guest starts it",
}
# Pages whose commands other tests run.
OTHERS = {"install.md", "requirements.md", "trust.md"}


def pages(top):
    """The documents that are tested, README.md first."""
    found = [Path(top) / name for name in ("README.md", "SECURITY.md", "NEWS.md")]
    return found + sorted(path for path in Path(top, "docs").glob("*.md") if path.name not in OTHERS)


def blocks(path):
    """(line number, kind, lines) of each fenced block."""
    kind, begin, lines = None, 0, []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        fence = re.match(r"\s*```(.*)", line)
        if fence and kind is None:
            kind, begin, lines = fence[1] or "nothing", number, []
        elif fence:
            yield begin, kind, lines
            kind = None
        elif kind is not None:
            lines.append(line)


def commands(lines):
    """(prompt, command, lines of output) of a console block. A command goes on after a backslash."""
    found = []
    for line in lines:
        if found and found[-1][1].endswith("\\") and not found[-1][2]:
            found[-1][1] += "\n" + line
        elif line.startswith(("# ", "$ ")):
            found.append([line[0], line[2:], []])
        else:
            found[-1][2].append(line)
    return found


def missing(shown, printed):
    """The lines of a shown output which the printed one does not have: a line without digits as it is,
    but for blanks; any other has another line that begins with the same word, but for its digits."""
    def words(line):
        return " ".join(line.split())

    def first(line):
        return re.sub(r"\d+", "0", line.split()[0])
    whole = {words(line) for line in printed}
    begins = {first(line) for line in printed if line.strip()}
    return [line for line in shown if line.strip() not in ("", "...") and
            (first(line) not in begins if re.search(r"\d", line) else words(line) not in whole)]
