#!/usr/bin/env python3
"""Files of more than 500 lines fail unless listed here with the reason; functions are measured by clang-tidy
(readability-function-size in .clang-tidy)."""
import sys

import tree

MAX_LINES = 500
# path: (lines allowed, why it is one file)
LONGER = {
}


def check(root, longer=None):
    longer = LONGER if longer is None else longer
    problems = []
    paths = tree.sources(root)
    for path in paths:
        lines = tree.read(root, path).count("\n")
        allowed, _reason = longer.get(path, (MAX_LINES, ""))
        if lines > allowed:
            problems.append(f"{path}:{lines}: {lines} lines, {allowed} allowed: split it, or say in tests/lint/sizes.py why not")
        elif path in longer and lines <= MAX_LINES:
            problems.append(f"{path}:1: has {lines} lines and needs no exception any more")
    problems += [f"tests/lint/sizes.py:1: {path} is listed and does not exist" for path in longer if path not in paths]
    return problems


if __name__ == "__main__":
    sys.exit(tree.main(check))
