#!/usr/bin/env python3
"""What silences a sanitizer, a compiler or clang-tidy says why: NOLINT names its check and gives a reason behind a colon; the
others have a comment on their line or above it, without a blank line between."""
import re
import sys

import tree

NOLINT = re.compile(r"NOLINT\w*")
REASONED = re.compile(r"NOLINT\w*\([\w.,-]+\): \S")
SILENT = re.compile(r"no_sanitize|-fno-sanitize=|suppressions=|detect_leaks=0|(?:GCC|clang) diagnostic ignored|halt_on_error=0")
COMMENT = re.compile(r"//|#\s+\S|/\*|<!--")
SUFFIXES = (".cpp", ".hpp", ".c", ".h", ".cmake", ".txt", ".sh", ".mjs", ".json")


def paragraph(lines, end):
    begin = end - 1
    while begin > 0 and lines[begin - 1].strip():
        begin -= 1
    return lines[begin:end]


def check(root):
    problems = []
    for path in tree.files(root, SUFFIXES):
        if path.startswith(("tests/fuzz/corpus/", "tests/issues/")):
            continue
        lines = tree.read(root, path).split("\n")
        for number, line in enumerate(lines, 1):
            if NOLINT.search(line) and not REASONED.search(line):
                problems.append(f"{path}:{number}: NOLINT(check): and the reason")
            if SILENT.search(line) and not any(COMMENT.search(near) for near in paragraph(lines, number)):
                problems.append(f"{path}:{number}: silences something and does not say why")
    return problems


if __name__ == "__main__":
    sys.exit(tree.main(check))
