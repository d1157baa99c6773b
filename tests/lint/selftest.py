#!/usr/bin/env python3
"""Shows that each lint check speaks on a bad sample and is silent on a good one: a check that cannot fail is none."""
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

import clang_format
import clang_tidy
import conf
import docs
import includes
import proxies
import pure_rooms
import sizes
import suppressions

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))


class Sample(unittest.TestCase):
    def setUp(self):
        self.root = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.root)

    def write(self, path, text):
        full = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as f:
            f.write(text)
        return full

    def expect(self, problems, *words):
        problems = list(problems)
        self.assertEqual(len(problems), len(words), problems)
        for problem, word in zip(problems, words):
            self.assertIn(word, problem)


class Includes(Sample):
    def one(self, path, line, *words):
        self.write(path, line + "\n")
        self.expect(includes.check(self.root), *words)

    def test_bosh_does_not_see_the_gateway(self):
        self.write("gateway/link.hpp", "")
        self.one("bosh/engine.cpp", '#include "gateway/link.hpp"', "bosh does not see gateway")

    def test_bosh_and_webclient_do_not_see_each_other(self):
        self.write("webclient/form.hpp", "")
        self.one("bosh/engine.cpp", '  #  include "webclient/form.hpp"', "bosh does not see webclient")

    def test_nothing_sees_the_tests(self):
        self.write("tests/support/clock.hpp", "")
        self.one("gateway/link.cpp", '#include "tests/support/clock.hpp"', "nothing sees the tests")

    def test_asio_belongs_to_the_gateway(self):
        self.one("xmpp/session.cpp", "#include <boost/asio.hpp>", "not a header that xmpp may see")

    def test_no_clock_header(self):
        self.one("bosh/engine.cpp", "#include <ctime>", "pure room")

    def test_no_system_header(self):
        self.one("bosh/engine.cpp", "#include <sys/socket.h>", "not a header that bosh may see")

    def test_expat_in_one_reader(self):
        self.write("xmpp/xml_reader.cpp", "#include <expat.h>\n")
        self.one("xmpp/stream_splitter.cpp", "#include <expat.h>", "only xmpp/xml_reader.cpp")

    def test_openssl_in_one_file(self):
        self.write("xmpp/digest.cpp", "#include <openssl/evp.h>\n")
        self.assertEqual(includes.check(self.root), [])
        self.one("xmpp/other.cpp", "#include <openssl/sha.h>", "one file of the room")

    def test_tls_is_no_digest(self):
        self.one("xmpp/digest.cpp", "#include <openssl/ssl.h>", "not a header that xmpp may see")

    def test_relative_and_missing(self):
        self.one("bosh/engine.cpp", '#include "body.hpp"', "start at the root")
        self.one("bosh/engine.cpp", '#include "bosh/nothing.hpp"', "no such file")

    def test_macro(self):
        self.one("bosh/engine.cpp", "#include HEADER", "macro")

    def test_good(self):
        self.write("xmpp/time.hpp", "#include <chrono>\n// #include <ctime>\n/* #include <thread> */\n")
        self.write("tests/unit/a.cpp", '#include <thread>\n#include "gateway/link.hpp"\n')
        self.write("gateway/link.hpp", '#include <boost/asio.hpp>\n#include "bosh/engine.hpp"\n')
        self.one("bosh/engine.hpp", '#include "xmpp/time.hpp"')


class PureRooms(Sample):
    def test_each_kind(self):
        bad = ["auto t = std::chrono::steady_clock::now();", "auto t = time(nullptr);", "std::random_device d;", "int x = rand();",
               "std::mutex m;", "thread_local int x;", "std::ofstream f;", 'printf("x");', "auto p = std::getenv(name);",
               "int s = ::socket(1, 2, 3);", "RAND_bytes(p, 8);", "std::atomic<int> a;"]
        for line in bad:
            with self.subTest(line):
                self.write("bosh/a.cpp", line + "\n")
                self.expect(pure_rooms.check(self.root), "bosh/a.cpp:1")

    def test_good(self):
        self.write("xmpp/a.cpp", '// steady_clock::now() stays outside\nauto s = "time(nullptr)"; int n = on_time(now); session.time(0);\n'
                                 "std::chrono::seconds wait(60); auto r = peer.poll(1);\n")
        self.write("gateway/a.cpp", "auto t = std::chrono::steady_clock::now();\n")
        self.assertEqual(pure_rooms.check(self.root), [])

    def archive(self, code):
        source = self.write("a.cpp", code)
        subprocess.run(["c++", "-c", source, "-o", self.root + "/a.o"], check=True)
        subprocess.run(["ar", "rcs", self.root + "/liba.a", self.root + "/a.o"], check=True)
        return pure_rooms.check_symbols(self.root + "/liba.a")

    def test_symbols(self):
        self.expect(self.archive("#include <chrono>\n#define when std::chrono::steady_clock\nlong f() { return when::now().time_since_epoch().count(); }"),
                    "steady_clock::now()")
        self.expect(self.archive('extern "C" int socket(int, int, int); int f() { return (socket)(1, 2, 3); }'), "socket")
        self.assertEqual(self.archive("#include <string>\nstd::string f(int i) { return std::to_string(i); }"), [])


class Sizes(Sample):
    def test_long_file(self):
        self.write("bosh/a.cpp", "\n" * 501)
        self.expect(sizes.check(self.root, {}), "501 lines, 500 allowed")
        self.assertEqual(sizes.check(self.root, {"bosh/a.cpp": (520, "a table")}), [])

    def test_stale_exception(self):
        self.write("bosh/a.cpp", "\n" * 10)
        self.expect(sizes.check(self.root, {"bosh/a.cpp": (520, "a table"), "bosh/gone.cpp": (600, "was")}), "no exception", "does not exist")


class Format(Sample):
    def test_bad_and_good(self):
        shutil.copy(os.path.join(ROOT, ".clang-format"), self.root)
        self.write("bosh/a.cpp", "int   f( ){return 1 ;}\n")
        self.assertTrue(clang_format.check(self.root))
        self.write("bosh/a.cpp", "int f() {\n  return 1;\n}\n")
        self.assertEqual(clang_format.check(self.root), [])


class Tidy(Sample):
    def lint(self, code):
        shutil.copy(os.path.join(ROOT, ".clang-tidy"), self.root)
        path = self.write("bosh/a.cpp", code)
        self.write("build/compile_commands.json",
                   f'[{{"directory": "{self.root}", "file": "{path}", "command": "c++ -std=c++20 -I{self.root} -c {path}"}}]')
        return clang_tidy.check(self.root, os.path.join(self.root, "build"), os.path.join(self.root, "cache"))

    def test_use_after_move(self):
        self.expect(self.lint("#include <string>\n#include <utility>\nstd::string g(std::string);\n"
                              "std::string f(std::string s) {\n  auto t = g(std::move(s));\n  return t + s;\n}\n"),
                    "bugprone-use-after-move")

    def test_naming(self):
        self.expect(self.lint("int DoIt() { return 1; }\n"), "readability-identifier-naming")

    def test_long_function(self):
        self.expect(self.lint("void g();\nvoid f() {\n" + "  g();\n" * 100 + "}\n"), "readability-function-size")

    def test_good_is_remembered(self):
        self.assertEqual(self.lint("int do_it() { return 1; }\n"), [])
        cache = os.path.join(self.root, "cache")
        [kept] = os.listdir(cache)
        almost = time.time() - clang_tidy.MONTH + 3600
        os.utime(os.path.join(cache, kept), (almost, almost))
        old = self.write("cache/nobody-asks-for-it", "")
        os.utime(old, (almost - 7200, almost - 7200))
        self.assertEqual(self.lint("int do_it() { return 1; }\n"), [])
        self.assertEqual(os.listdir(cache), [kept])
        self.assertGreater(os.stat(os.path.join(cache, kept)).st_mtime, almost, "who is asked for stays")

    def test_does_not_compile(self):
        self.assertTrue(self.lint("int f( {\n"))


class Docs(Sample):
    def test_each_kind(self):
        for text, word in [("see /ho" "me/me/x", "machine"), ("https://regis" "try.npmjs.org/x", "registry"), ("TO" "DO: later", "unfinished"),
                           ("as B-999 says", "B-999"), ("[a](gone.md)", "no gone.md"), ("# One\n[a](#two)", "heading")]:
            with self.subTest(text):
                self.write("README.md", text + "\n")
                self.expect(docs.check(self.root, protocols=False), word)

    def test_good(self):
        self.write("docs/A.md", "# One thing\nB-001 and H-003\n")
        self.write("README.md", "[a](docs/A.md#one-thing) [b](https://xmpp.org/) P-256\n```\n[x](not-a-link)\n```\n")
        self.assertEqual(docs.check(self.root, protocols=False), [])

    def test_protocols(self):
        self.write("tests/unit/a_test.cpp", "// Lost\nTEST(RidWindow, Gap) {}\nTEST_P(Edge,\n       E12_Two) {}\n")
        rows = "H-001…H-023 B-001…B-203 B-09A D-001…D-009 P-001…P-021 V-001…V-025 X-001…X-051\n"
        self.write("docs/PROTOCOLS.md", rows + "`RidWindow.Gap` `RidWindow.G*` `Edge.E12_Two` `tests/unit/a_test.cpp`\n")
        self.assertEqual(list(docs.check_protocols(self.root, docs.rules())), [])
        # Half a name, a name of another suite and one that only a comment has are none.
        self.write("docs/PROTOCOLS.md", rows.replace("H-001", "H-002").replace("V-001", "V-002") +
                   "`RidWindow.Ga` `Edge.Gap` `RidWindow.Lost` `Edge.O*` `tests/unit/b_test.cpp`\n")
        self.expect(docs.check_protocols(self.root, docs.rules()), "no row for H-001, V-001", "no test RidWindow.Ga", "no test Edge.Gap",
                    "no test RidWindow.Lost", "no test Edge.O", "no tests/unit/b_test.cpp")


    def test_what_fuzzing_found(self):
        self.write("tests/issues/a_fuzz/one", "<")
        self.write("tests/issues/README.md", "| `a_fuzz/two` | lost |\n")
        self.expect(docs.check(self.root, protocols=False), "a_fuzz/one:1: has no row")
        self.write("tests/issues/README.md", "| `a_fuzz/one` | lost |\n")
        self.assertEqual(docs.check(self.root, protocols=False), [])


class Suppressions(Sample):
    def test_each_kind(self):
        for line in ("int a;  // NOLINT", "int a;  // NOLINT(google-build)", "__attribute__((no_sanitize(\"address\"))) void f();",
                     "#pragma GCC diagnostic ignored \"-Wall\""):
            with self.subTest(line):
                self.write("gateway/a.cpp", "// of something else\n\n" + line + "\n")
                self.expect(suppressions.check(self.root), "gateway/a.cpp:3")

    def test_with_a_reason(self):
        self.write("gateway/a.cpp", "int a;  // NOLINT(google-build): all of it is shown\n")
        self.write("gateway/CMakeLists.txt", "# It is loaded before their runtime.\nadd_library(a)\n"
                   "target_compile_options(a PRIVATE -fno-sanitize=all)\n")
        self.assertEqual(suppressions.check(self.root), [])


class Proxies(Sample):
    def test_each_program_refuses_nonsense(self):
        for name, program, _ in proxies.CHECKS:
            if not proxies.tool(program):
                continue
            with self.subTest(name):
                shutil.rmtree(os.path.join(self.root, "conf"), ignore_errors=True)
                shutil.copytree(os.path.join(ROOT, "conf"), os.path.join(self.root, "conf"))
                with open(os.path.join(self.root, "conf", name), "a", encoding="utf-8") as f:
                    f.write("\n[Service]\nNoSuchOption = 1\n\tgarbage {\n")
                self.expect(proxies.check(self.root), "conf/" + name)


class Conf(Sample):
    def test_difference(self):
        fake = self.write("postern", "#!/bin/sh\ncase \"$*\" in\n*--print-config*) printf '[bosh]\\nmax_wait = 55\\nhidden = 1\\n';;\n"
                                     "*one.toml*) grep -q typo \"$2\" && { echo 'unknown key'; exit 2; }; echo 'bad value'; exit 2;;\nesac\n")
        os.chmod(fake, 0o755)
        self.write("conf/postern.toml", "[bosh]\nmax_wait = 55\n# typo = 2\n# ca_file = \"x\"  # real, but unset\n")
        self.expect(conf.check(self.root, fake), "does not show [bosh] hidden", "[bosh] typo is unknown")
        self.write("conf/postern.toml", "[bosh]\nmax_wait = 55\nhidden = 1\n")
        self.assertEqual(conf.check(self.root, fake), [])


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    unittest.main()
