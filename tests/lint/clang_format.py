#!/usr/bin/env python3
"""Every source file is formatted as .clang-format says (clang-format 14, Debian 12's: versions differ in detail)."""
import os
import shutil
import subprocess
import sys

import tree


def tool(name):
    return shutil.which(name + "-14") or shutil.which(name)


def check(root):
    command = [tool("clang-format"), "--dry-run", "-Werror", "--style=file"]
    paths = [os.path.join(root, p) for p in tree.sources(root)]
    if not paths:
        return []
    result = subprocess.run(command + paths, capture_output=True, text=True, cwd=root)
    found = [line.replace(root + "/", "") for line in result.stderr.splitlines() if "error:" in line]
    return found if found or result.returncode == 0 else [result.stderr.strip()]


if __name__ == "__main__":
    sys.exit(tree.main(check))
