#!/usr/bin/env python3
"""Reads every #include of the rooms: who may see whom (docs/ARCHITECTURE.md, "Rooms").

  gateway -> webclient, bosh, xmpp, system libraries        webclient -> xmpp
  bosh    -> xmpp; OpenSSL digests in one source file
  xmpp    -> the standard library; expat in the one reader below the splitters; OpenSSL digests, libidn, libgsasl
             and libstrophe in one source file each
  tests   -> anything; nothing -> tests
"""
import os
import re
import sys

import tree

MAY_SEE = {"xmpp": {"xmpp"}, "bosh": {"bosh", "xmpp"}, "webclient": {"webclient", "xmpp"},
           "gateway": {"gateway", "webclient", "bosh", "xmpp"}}
STANDARD = set("""algorithm any array barrier bit bitset cassert cctype cerrno cfenv cfloat charconv chrono cinttypes climits
clocale cmath codecvt compare complex concepts condition_variable coroutine csetjmp csignal cstdarg cstddef cstdint cstdio
cstdlib cstring ctime cuchar cwchar cwctype deque exception execution filesystem format forward_list fstream functional future
initializer_list iomanip ios iosfwd iostream istream iterator latch limits list locale map memory memory_resource mutex new
numbers numeric optional ostream queue random ranges ratio regex scoped_allocator semaphore set shared_mutex source_location
span sstream stack stdexcept stop_token streambuf string string_view syncstream system_error thread tuple type_traits
typeindex typeinfo unordered_map unordered_set utility valarray variant vector version""".split())
# A clock, random, file, thread or socket comes in by one of these; std::chrono itself is needed for units.
IMPURE = set("""barrier codecvt condition_variable coroutine csetjmp csignal cstdio ctime filesystem fstream future iostream
istream latch locale clocale mutex random semaphore shared_mutex stop_token syncstream thread""".split())
DIGESTS = re.compile(r"^openssl/(evp|sha|hmac|crypto|params|core_names)\.h$")
# room: (pattern, files that may include it; None: any one .cpp file of the room)
LIBRARIES = {
    "xmpp": [
        (re.compile(r"^expat(_external)?\.h$"), {"xmpp/xml_reader.cpp"}),
        (DIGESTS, None),
        (re.compile(r"^(stringprep|idna|idn-free|pr29|punycode)\.h$"), None),
        (re.compile(r"^gsasl(-[a-z]+)?\.h$"), None),
        (re.compile(r"^strophe\.h$"), None),
    ],
    "bosh": [(DIGESTS, None)],
    "webclient": [(re.compile(r"^kainjow/mustache\.hpp$"), None)],
}
INCLUDE = re.compile(r'^[ \t]*#[ \t]*(?:include|import)[ \t]*(<[^>\n]+>|"[^"\n]+"|[^\s]+)', re.M)


def judge(root, path, room, spec, users):
    name = spec[1:-1]
    if spec[0] not in '<"':
        return "include by macro hides who is seen"
    if spec[0] == '"':
        top = name.split("/")[0]
        if name.startswith(".") or "/../" in name or top not in tree.ROOMS + ("tests",) or "/" not in name:
            return f"{spec}: quoted includes start at the root of the tree"
        if top == "tests":
            return None if room == "tests" else f"{spec}: nothing sees the tests"
        if room != "tests" and top not in MAY_SEE[room]:
            return f"{spec}: {room} does not see {top}"
        if not os.path.isfile(os.path.join(root, name)):
            return f"{spec}: there is no such file"
        return None
    if room in ("gateway", "tests"):
        return None
    if name in STANDARD:
        return f"{spec}: pure room ({room} has no clock, random, socket, thread or file)" if name in IMPURE else None
    for pattern, allowed in LIBRARIES[room]:
        if not pattern.match(name):
            continue
        if allowed is not None:
            return None if path in allowed else f"{spec}: only {', '.join(sorted(allowed))} may"
        seen = users.setdefault((room, pattern.pattern), set())
        seen.add(path)
        if len(seen) > 1:
            return f"{spec}: one file of the room sees this library, and {sorted(seen)} do"
        return None if path.endswith(".cpp") else f"{spec}: only a source file sees this library"
    return f"{spec}: not a header that {room} may see"


def check(root):
    problems, users = [], {}
    for path in tree.sources(root):
        room = path.split("/")[0]
        text = tree.read(root, path)
        # Comments go, quoted names stay: blank comments only.
        text = re.sub(r"//[^\n]*|/\*.*?\*/", lambda m: re.sub(r"[^\n]", " ", m.group(0)), text, flags=re.S)
        for match in INCLUDE.finditer(text):
            problem = judge(root, path, room, match.group(1), users)
            if problem:
                problems.append(f"{path}:{text.count(chr(10), 0, match.start(1)) + 1}: {problem}")
    return problems


if __name__ == "__main__":
    sys.exit(tree.main(check))
