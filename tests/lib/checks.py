# SPDX-License-Identifier: GPL-2.0
"""What tests in Python share: checks, after which a test goes on, and paimonctl."""
import os
import subprocess
import sys

failed = 0


def check(what, found, wanted=True):
    """What differs is printed, and counted in failed; the test ends after 20 of them."""
    global failed
    if found != wanted:
        failed += 1
        print(f"{what}: {found!r}, not {wanted!r}", flush=True)
        if failed > 20:
            sys.exit(1)


def journal(path):
    """A file to write for stderr, and the environment in which a daemon takes it for the journal."""
    file = open(path, "w")
    found = os.fstat(file.fileno())
    return {"stderr": file, "env": os.environ | {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}}


def paimonctl(program, socket, *arguments, timeout=60, **options):
    """Its exit status, output and error output."""
    result = subprocess.run([program, "--socket", socket, *arguments], capture_output=True, text=True,
                            timeout=timeout, **options)
    return result.returncode, result.stdout, result.stderr
