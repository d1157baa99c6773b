#!/usr/bin/env python3
"""conf/postern.toml is the manual, so it must be the truth:   conf.py ROOT POSTERN_BINARY

Every option that it shows, commented out or not, is accepted by `postern --check-config`; every option that
`postern --print-config` prints is shown in it. The other files of conf/ name only paths that the gateway serves.
"""
import os
import re
import subprocess
import sys
import tempfile

import tree

OPTION = re.compile(r"^\s*(?:#\s?)?\s*([a-z][a-z0-9_]*)\s*=\s*\S")
TABLE = re.compile(r"^\s*(?:#\s?)?\s*(\[\[?)([a-z_.]+)(\]\]?)\s*(?:#.*)?$")


def options(text):
    """(table, key) of every option in the text, commented out ones too."""
    table, found = "", set()
    for line in text.split("\n"):
        match = TABLE.match(line)
        if match:
            table = match.group(2)
            continue
        match = OPTION.match(line)
        if match:
            found.add((table, match.group(1)))
    return found


def run(postern, *arguments):
    return subprocess.run([postern, *arguments], capture_output=True, text=True, timeout=60)


def check(root, postern):
    path = os.path.join(root, "conf", "postern.toml")
    if not os.path.isfile(path):
        return ["conf/postern.toml:1: is missing"]
    problems = []
    shown = options(tree.read(root, "conf/postern.toml"))
    result = run(postern, "--config", path, "--check-config")
    if result.returncode != 0:
        problems.append(f"conf/postern.toml:1: --check-config says: {(result.stderr or result.stdout).strip()}")
    printed = run(postern, "--config", path, "--print-config")
    if printed.returncode != 0:
        problems.append(f"--print-config ended with {printed.returncode}: {printed.stderr.strip()}")
    known = options(printed.stdout)
    problems += [f"conf/postern.toml:1: does not show [{t}] {k}" for t, k in sorted(known - shown)]
    problems += unknown_options(postern, sorted(shown - known))
    return problems


def unknown_options(postern, candidates):
    """Those that --print-config leaves out (unset paths, say) must at least be known: a wrong type is as good an answer as none."""
    for table, key in candidates:
        with tempfile.TemporaryDirectory() as scratch:
            file = os.path.join(scratch, "one.toml")
            with open(file, "w", encoding="utf-8") as f:
                head = f"[[{table}]]" if table in ("listen", "domain", "static") else f"[{table}]" if table else ""
                f.write(f"{head}\n{key} = [[]]\n")
            answer = run(postern, "--config", file, "--check-config")
            said = (answer.stderr + answer.stdout).lower()
            if "unknown" in said:
                yield f"conf/postern.toml:1: [{table}] {key} is unknown to the gateway"


if __name__ == "__main__":
    sys.exit(tree.main(lambda root: check(root, sys.argv[2])))
