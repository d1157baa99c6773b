#!/usr/bin/env python3
"""clang-tidy over every .cpp of the rooms, as many at a time as there are cores; the checks are in .clang-tidy and all are
errors.   clang_tidy.py ROOT BUILD_DIR

A file whose preprocessed input did not change since it last passed is not looked at again: the key covers the compile command,
the .clang-tidy file, the tool's version and the text of every header of ours that the file sees, but not where the checkout lies. So
all checkouts of a user share what they remember, in ~/.cache/postern/tidy or where POSTERN_TIDY_CACHE says; it is forgotten when
nobody has asked for it for a month.
"""
import concurrent.futures
import contextlib
import hashlib
import json
import os
import re
import subprocess
import sys
import time

import clang_format
import tree

# Asio's and Beast's own code, compiled in one place: nothing of ours in it.
NOT_OURS = {"gateway/asio_beast.cpp"}
MONTH = 30 * 24 * 3600


def compile_commands(root, build):
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as f:
        for entry in json.load(f):
            path = os.path.relpath(os.path.join(entry["directory"], entry["file"]), root)
            if path.split("/")[0] in tree.ROOMS and path not in NOT_OURS:
                yield path, entry["command"]


def own_headers(root, path, seen):
    if path in seen or not os.path.isfile(os.path.join(root, path)):
        return
    seen.add(path)
    for name in re.findall(r'^\s*#\s*include\s*"([^"]+)"', tree.read(root, path), re.M):
        own_headers(root, name, seen)


def key_of(root, path, command, constant):
    seen, digest = set(), hashlib.sha256(constant)
    own_headers(root, path, seen)
    digest.update(command.replace(root + "/", "").replace(root, ".").encode())
    for name in sorted(seen):
        digest.update(name.encode() + b"\0" + tree.read(root, name).encode() + b"\0")
    return digest.hexdigest()


def run_one(tool, root, build, path):
    extra = ["--extra-arg=-Wno-unknown-warning-option", "--extra-arg=-Wno-ignored-optimization-argument"]
    result = subprocess.run([tool, "--quiet", "-p", build, "--warnings-as-errors=*", *extra, os.path.join(root, path)],
                            capture_output=True, text=True, cwd=root)
    lines = [l.replace(root + "/", "") for l in result.stdout.splitlines() if re.search(r": (?:warning|error):", l)]
    if result.returncode != 0 and not lines:
        lines = [f"{path}:1: clang-tidy ended with {result.returncode}: {result.stderr.strip()[-500:]}"]
    return lines


def cache_dir():
    caches = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.environ.get("POSTERN_TIDY_CACHE") or os.path.join(caches, "postern", "tidy")


def has(cache, key):
    try:
        os.utime(os.path.join(cache, key))
        return True
    except FileNotFoundError:
        return False


def forget_old(cache):
    for entry in os.scandir(cache):
        with contextlib.suppress(FileNotFoundError):  # another checkout does the same
            if entry.stat().st_mtime < time.time() - MONTH:
                os.unlink(entry)


def check(root, build, cache):
    tool = clang_format.tool("clang-tidy")
    version = subprocess.run([tool, "--version"], capture_output=True).stdout
    with open(os.path.join(root, ".clang-tidy"), "rb") as f:
        constant = version + f.read()
    todo, passed = [], 0
    for path, command in sorted(set(compile_commands(root, build))):
        key = key_of(root, path, command, constant)
        if has(cache, key):
            passed += 1
        else:
            todo.append((path, key))
    problems = []
    os.makedirs(cache, exist_ok=True)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for (path, key), lines in zip(todo, pool.map(lambda t: run_one(tool, root, build, t[0]), todo)):
            problems += lines
            if not lines:
                open(os.path.join(cache, key), "w").close()
    forget_old(cache)
    print(f"{len(todo)} file(s) looked at, {passed} unchanged since they passed")
    if not todo and not passed:
        problems.append(f"{build}: no file of the rooms in compile_commands.json")
    return sorted(set(problems))


if __name__ == "__main__":
    sys.exit(tree.main(lambda root: check(root, os.path.abspath(sys.argv[2]), cache_dir())))
