#!/usr/bin/env python3
"""The pure rooms (xmpp, bosh, webclient) have no clock, random, socket, thread, file or environment.

Two looks: the source text, and - with --libraries BUILD_DIR - the undefined symbols of the rooms' archives, which no macro
and no alias can hide from. (The include rule is the third: includes.py.)
"""
import glob
import os
import re
import subprocess
import sys

import tree

FORBIDDEN = [
    (r"\b(?:steady|system|high_resolution|utc|tai|gps|file)_clock\s*::\s*now\b", "a clock"),
    (r"\b(?:clock_gettime|gettimeofday|timespec_get|localtime(?:_r)?|gmtime(?:_r)?|ftime)\s*\(", "a clock"),
    (r"(?<![\w.>:])(?:std\s*::\s*|::\s*)?(?:time|clock)\s*\(\s*(?:NULL|nullptr|0|&\w+)?\s*\)", "a clock"),
    (r"\b(?:random_device|mt19937(?:_64)?|default_random_engine|minstd_rand0?|getrandom|getentropy|arc4random\w*|"
     r"RAND_(?:priv_)?bytes|drand48|lrand48)\b", "random"),
    (r"(?<![\w.>])(?:std\s*::\s*|::\s*)?s?rand\s*\(", "random"),
    (r"\bstd\s*::\s*(?:jthread|thread|mutex|recursive_mutex|shared_mutex|timed_mutex|condition_variable\w*|async|future|"
     r"promise|this_thread|call_once|once_flag|atomic\w*)\b", "a thread"),
    (r"\b(?:thread_local|pthread_\w+)\b", "a thread"),
    (r"\bstd\s*::\s*(?:[io]?fstream|filesystem|cin|cout|cerr|clog)\b", "a file"),
    (r"\b(?:fopen|freopen|fdopen|popen|fprintf|fputs|tmpfile|mkstemp)\s*\(", "a file"),
    (r"(?<![\w.>])(?:std\s*::\s*)?(?:printf|puts|perror)\s*\(", "a file"),
    (r"\b(?:secure_)?getenv\s*\(", "the environment"),
    (r"(?<![\w>)])::\s*(?:socket|connect|bind|listen|accept4?|send(?:to|msg)?|recv(?:from|msg)?|open(?:at)?|read|write|"
     r"poll|select|epoll_\w+|getaddrinfo)\s*\(", "a socket or file"),
    (r"\b(?:getaddrinfo|epoll_\w+|setsockopt|inet_pton|inet_ntop)\s*\(", "a socket"),
]
FORBIDDEN = [(re.compile(p), what) for p, what in FORBIDDEN]

SYMBOLS = re.compile(
    r"^(?:socket|connect|bind|listen|accept4?|send(?:to|msg)?|recv(?:from|msg)?|getaddrinfo|select|poll|epoll_\w+|"
    r"open(?:at|64|dir)?|f?open64|fopen|fread|fwrite|read|write|mmap|stat|"
    r"time|clock|clock_gettime|gettimeofday|localtime(?:_r)?|gmtime(?:_r)?|nanosleep|usleep|sleep|"
    r"s?rand|random|getrandom|getentropy|arc4random\w*|RAND_\w+|"
    r"pthread_(?:create|mutex_\w+|cond_\w+|rwlock_\w+)|(?:secure_)?getenv|fork|execve?|system|"
    r"std::chrono::_V2::\w+_clock::now\(\)|std::random_device::.*|std::thread::.*|std::(?:__\w+::)?basic_[io]?f(?:stream|ilebuf)<.*|"
    r"std::(?:cout|cerr|cin|clog)|std::filesystem::.*)(?:@.*)?$")


def check(root):
    problems = []
    for path in tree.sources(root, tree.PURE_ROOMS):
        for number, line in enumerate(tree.code_only(tree.read(root, path)).split("\n"), 1):
            for pattern, what in FORBIDDEN:
                match = pattern.search(line)
                if match:
                    problems.append(f"{path}:{number}: {match.group(0).strip()}: {what} in a pure room")
    return problems


def check_symbols(archive):
    out = subprocess.run(["nm", "-u", "-C", archive], check=True, capture_output=True, text=True).stdout
    names = {line.split(None, 1)[1] for line in out.splitlines() if line.strip().startswith("U ")}
    return [f"{archive}: needs {n}, which a pure room must not" for n in sorted(names) if SYMBOLS.match(n)]


def main():
    if len(sys.argv) > 2 and sys.argv[1] == "--libraries":
        archives = [a for room in tree.PURE_ROOMS for a in glob.glob(os.path.join(sys.argv[2], room, "lib*.a"))]
        problems = [p for a in archives for p in check_symbols(a)]
        print("\n".join(problems + [f"{len(archives)} archive(s), {len(problems)} problem(s)"]))
        return 1 if problems or not archives else 0
    return tree.main(check)


if __name__ == "__main__":
    sys.exit(main())
