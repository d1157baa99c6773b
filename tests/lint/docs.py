#!/usr/bin/env python3
"""What the texts of the tree may not do: name a path of somebody's machine or a package registry's host, keep unfinished-work
marks, link to what does not exist, cite a rule that does not exist; and docs/PROTOCOLS.md must have every rule of what is built
and name only tests that are there; and what fuzzing found must have its row. Rules: rules.txt beside this file."""
import os
import re
import sys

import tree

HERE = os.path.dirname(os.path.abspath(__file__))
BINARY = (".png", ".ico", ".gif", ".jpg", ".woff2", ".pem", ".der", ".bin")
# Written in pieces, so that this file does not find itself.
MACHINE = re.compile(r"(?<![\w.$}])/(?:wo" r"rk/(?:main|shared)|ro" r"ot/|ho" r"me/(?!\.\.\.)\w+/|tmp/bash_jobs)")
REGISTRY = re.compile(r"(?:regis" r"try\.npmjs|deb\.deb" r"ian\.org|snapshot\.deb" r"ian|pypi\.o" r"rg|files\.python" r"hosted|"
                      r"artifact" r"ory|proxy\.gol" r"ang)|\"resol" r"ved\"\s*:(?!\s*\"node_modules/)")
UNFINISHED = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
RULE = re.compile(r"(?<![\w-])(?!P-(?:256|384|521))([BDEHPQSUVWXZ]-[0-9][0-9A-F]{1,2})(?![\w-])")
RANGE = re.compile(r"(?<![\w-])([BDEHPQSUVWXZ])-([0-9]{2,3})\s*(?:…|\.{2,3}|–)\s*(?:\1-)?([0-9]{2,3})(?![\w-])")
LINK = re.compile(r"(?<!!)\[[^\]\n]+\]\(([^)\s]+)\)")
# GoogleTest's, and what defines a test.
TEST = re.compile(r"\b(?:TYPED_)?TEST(?:_F|_P)?\(\s*(\w+)\s*,\s*(\w+)\s*\)")
NAMED_TEST = re.compile(r"`([A-Z]\w+)\.(\w+)(\*?)`")
# The rules that this gateway claims to keep: every H-, B-, D-, P-, V- and X- rule but XEP-0487.
CLAIMED = re.compile(r"^(?:H|B|D|P|V|X)-")
NOT_CLAIMED = {"D-008"}


def rules():
    with open(os.path.join(HERE, "rules.txt"), encoding="utf-8") as f:
        return {line.strip() for line in f if line.strip() and not line.startswith("#")}


def cited(text, known):
    found = {m.group(1) for m in RULE.finditer(text)}
    for kind, first, last in RANGE.findall(text):
        found |= {r for r in known if r.startswith(kind + "-") and len(r) == len(f"{kind}-{first}") and first <= r[2:] <= last}
    return found


def anchors(text):
    out = set()
    for title in re.findall(r"^#+\s+(.*?)\s*$", text, re.M):
        title = re.sub(r"[`*]", "", title).lower()
        out.add(re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", title)))
    return out


def check_links(root, path, text):
    plain = re.sub(r"```.*?```", lambda m: re.sub(r"[^\n]", " ", m.group(0)), text, flags=re.S)
    for match in LINK.finditer(plain):
        target = match.group(1)
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = os.path.normpath(os.path.join(os.path.dirname(path), name)) if name else path
        line = plain.count("\n", 0, match.start()) + 1
        if not os.path.exists(os.path.join(root, file)):
            yield f"{path}:{line}: link to {target}: there is no {file}"
        elif anchor and file.endswith(".md") and anchor not in anchors(tree.read(root, file)):
            yield f"{path}:{line}: link to {target}: no such heading"


def check_protocols(root, known):
    path = "docs/PROTOCOLS.md"
    if not os.path.isfile(os.path.join(root, path)):
        yield f"{path}:1: is missing"
        return
    text = tree.read(root, path)
    missing = {r for r in known if CLAIMED.match(r)} - NOT_CLAIMED - cited(text, known)
    if missing:
        yield f"{path}:1: no row for {', '.join(sorted(missing))}"
    tests = {test for f in tree.files(root, (".cpp", ".hpp"), ("tests/",)) for test in TEST.findall(tree.read(root, f))}
    listed = set(tree.files(root))
    for number, line in enumerate(text.split("\n"), 1):
        # `Suite.Name` is a GoogleTest, `tests/….py` a file; both must exist. A trailing * stands for several.
        for suite, name, several in NAMED_TEST.findall(line):
            fits = (lambda test: test.startswith(name)) if several else (lambda test: test == name)
            if not any(of == suite and fits(test) for of, test in tests):
                yield f"{path}:{number}: there is no test {suite}.{name}"
        for file in re.findall(r"`(tests/[\w./-]+\.\w+)`", line):
            if file not in listed:
                yield f"{path}:{number}: there is no {file}"


def check_issues(root):
    """Each input that fuzzing found, and that was kept, has a row that says what was wrong."""
    inputs = [path for path in tree.files(root, under=("tests/issues/",)) if not path.endswith("README.md")]
    said = tree.read(root, "tests/issues/README.md") if inputs else ""
    for path in inputs:
        if f"| `{path.removeprefix('tests/issues/')}` |" not in said:
            yield f"{path}:1: has no row in tests/issues/README.md"


def check(root, protocols=True):
    problems, known = list(check_issues(root)), rules()
    for path in tree.files(root):
        if path.endswith(BINARY) or path.startswith("tests/fuzz/corpus"):
            continue
        text = tree.read(root, path)
        for number, line in enumerate(text.split("\n"), 1):
            for pattern, what in ((MACHINE, "a path of one machine"), (REGISTRY, "a registry's host"),
                                  (UNFINISHED, "a mark of unfinished work")):
                match = pattern.search(line)
                if match:
                    problems.append(f"{path}:{number}: {match.group(0)}: {what}")
            if not path.startswith("tests/lint/"):
                problems += [f"{path}:{number}: there is no rule {r}" for r in sorted(
                    {m.group(1) for m in RULE.finditer(line)} - known)]
        if path.endswith(".md"):
            problems += check_links(root, path, text)
    if protocols:
        problems += check_protocols(root, known)
    return problems


if __name__ == "__main__":
    sys.exit(tree.main(check))
