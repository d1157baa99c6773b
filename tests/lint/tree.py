"""What the lint tests share: the files of the tree, comments stripped, one way to report.

Every check is a function check(root) -> list of "path:line: text"; main() prints them and is the exit code.
Every check has bad samples in selftest.py that must make it speak.
"""
import os
import re
import subprocess
import sys

ROOMS = ("xmpp", "bosh", "webclient", "gateway")
PURE_ROOMS = ("xmpp", "bosh", "webclient")
SKIPPED_DIRS = {"node_modules", "build", ".git", "__pycache__"}


def files(root, suffixes=(), under=("",)):
    """Tracked and new files below root, sorted, without what .gitignore names; a plain walk where there is no git."""
    found = []
    if os.path.isdir(os.path.join(root, ".git")) or os.path.isfile(os.path.join(root, ".git")):
        out = subprocess.run(["git", "-c", "safe.directory=*", "-C", root, "ls-files", "-z", "--cached", "--others",
                              "--exclude-standard"], check=True, capture_output=True, text=True).stdout
        found = [f for f in out.split("\0") if f and os.path.isfile(os.path.join(root, f))]
    else:
        for where, dirs, names in os.walk(root):
            dirs[:] = [d for d in dirs if d not in SKIPPED_DIRS]
            found += [os.path.relpath(os.path.join(where, n), root) for n in names]
    return sorted(f for f in set(found)
                  if f.endswith(tuple(suffixes) or ("",)) and any(f.startswith(u) for u in under))


def sources(root, rooms=ROOMS + ("tests",)):
    return files(root, (".cpp", ".hpp", ".h", ".c"), tuple(r + "/" for r in rooms))


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8", errors="replace") as f:
        return f.read()


TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|R"([^ ()\\\t\n]*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])\'(?:\\.|[^\'\\\n])*\'',
                   re.S)


def code_only(text):
    """The text with comments and literals blanked, line numbers kept."""
    return TOKEN.sub(lambda m: re.sub(r"[^\n]", " ", m.group(0)), text)


def main(check):
    root = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else ".")
    problems = check(root)
    for line in problems:
        print(line)
    print(f"{len(problems)} problem(s)")
    return 1 if problems else 0
