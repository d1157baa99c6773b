#!/usr/bin/env python3
"""tools/setup with an apt-get and dpkg of our own: whatever way it ends, policy-rc.d is as it was, and units that came with new
packages are not enabled. Also: each package has a reason, and nothing is done when nothing is missing."""
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = os.path.abspath(sys.argv.pop(1) if len(sys.argv) > 1 and os.path.isdir(sys.argv[1]) else ".")
SETUP = os.path.join(ROOT, "tools", "setup")

APT = """#!/bin/bash
echo "$*" >>"$POSTERN_SETUP_TOP/calls"
cat "$POSTERN_SETUP_TOP/usr/sbin/policy-rc.d" >"$POSTERN_SETUP_TOP/policy-seen"
case "$*" in *" update"*) [ "$MODE" != offline ] || { echo 'E: Failed to fetch x Could not resolve host'; exit 100; }; exit 0;; esac
[ "$MODE" != offline ] || { echo 'E: Unable to locate package prosody'; exit 100; }
echo installed server >>"$POSTERN_SETUP_TOP/installed"
mkdir -p "$POSTERN_SETUP_TOP/etc/systemd/system/multi-user.target.wants"
ln -sf /lib/systemd/system/server.service "$POSTERN_SETUP_TOP/etc/systemd/system/multi-user.target.wants/server.service"
[ "$MODE" != fail ] || { echo 'E: Sub-process /usr/bin/dpkg returned an error code (1)'; exit 100; }
[ "$MODE" != slow ] || sleep 30
"""
DPKG_QUERY = """#!/bin/bash
case "$*" in *binary:Package*) cat "$POSTERN_SETUP_TOP/installed";; *) exit 1;; esac
"""
DPKG = """#!/bin/bash
[ "$2" = server ] && echo /lib/systemd/system/server.service
exit 0
"""


class Setup(unittest.TestCase):
    def setUp(self):
        self.top = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.top)
        for d in ("bin", "run", "usr/sbin"):
            os.makedirs(os.path.join(self.top, d))
        for name, text in (("apt-get", APT), ("dpkg-query", DPKG_QUERY), ("dpkg", DPKG)):
            self.put("bin/" + name, text, 0o755)
        self.put("installed", "installed base-files\n")
        self.wanted = "/etc/systemd/system/multi-user.target.wants/server.service"

    def path(self, name):
        return os.path.join(self.top, name.lstrip("/"))

    def put(self, name, text, mode=0o644):
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(self.path(name), mode)

    def text(self, name):
        with open(self.path(name), encoding="utf-8") as f:
            return f.read()

    def start(self, mode):
        environment = dict(os.environ, POSTERN_SETUP_TOP=self.top, MODE=mode, PATH=self.path("bin") + ":" + os.environ["PATH"])
        return subprocess.Popen([SETUP, "--install-as-root", "server"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                text=True, start_new_session=True)

    def run_setup(self, mode):
        process = self.start(mode)
        out, _ = process.communicate(timeout=60)
        return process.returncode, out

    def assert_clean(self, policy=None):
        self.assertEqual(sorted(os.listdir(self.path("usr/sbin"))), ["policy-rc.d"] if policy else [])
        if policy:
            self.assertEqual(self.text("usr/sbin/policy-rc.d"), policy)
        self.assertFalse(os.path.lexists(self.path(self.wanted)))

    def test_services_are_forbidden_and_units_disabled(self):
        self.assertEqual(self.run_setup("good"), (0, ""))
        self.assertIn("exit 101", self.text("policy-seen"))
        self.assertNotIn("update", self.text("calls"))
        self.assert_clean()

    def test_existing_policy_comes_back(self):
        theirs = "#!/bin/sh\n# theirs\nexit 104\n"
        self.put("usr/sbin/policy-rc.d", theirs, 0o741)
        before = os.stat(self.path("usr/sbin/policy-rc.d"))
        for mode, code in (("good", 0), ("fail", 1), ("offline", 1)):
            with self.subTest(mode):
                self.assertEqual(self.run_setup(mode)[0], code)
                self.assertIn("exit 101", self.text("policy-seen"))
                self.assert_clean(theirs)
                after = os.stat(self.path("usr/sbin/policy-rc.d"))
                self.assertEqual((before.st_ino, before.st_mode, before.st_mtime), (after.st_ino, after.st_mode, after.st_mtime))

    def test_existing_link_stays_a_link(self):
        os.symlink("/nowhere/policy", self.path("usr/sbin/policy-rc.d"))
        self.assertEqual(self.run_setup("good")[0], 0)
        self.assertEqual(os.readlink(self.path("usr/sbin/policy-rc.d")), "/nowhere/policy")

    def interrupt(self, number):
        process = self.start("slow")
        for _ in range(500):
            if os.path.lexists(self.path(self.wanted)):
                break
            time.sleep(0.02)
        os.killpg(process.pid, number)
        process.communicate(timeout=60)
        return process.returncode

    def test_ctrl_c(self):
        self.put("usr/sbin/policy-rc.d", "theirs")
        self.assertNotEqual(self.interrupt(signal.SIGINT), 0)
        self.assert_clean("theirs")

    def test_terminated(self):
        self.assertNotEqual(self.interrupt(signal.SIGTERM), 0)
        self.assert_clean()

    def test_killed_then_run_again(self):
        self.put("usr/sbin/policy-rc.d", "theirs")
        self.interrupt(signal.SIGKILL)
        self.assertIn("exit 101", self.text("usr/sbin/policy-rc.d"))
        self.assertEqual(self.run_setup("good")[0], 0)
        self.assertEqual(self.text("usr/sbin/policy-rc.d"), "theirs")
        self.assertEqual(os.listdir(self.path("usr/sbin")), ["policy-rc.d"])

    def test_one_clear_line(self):
        code, out = self.run_setup("offline")
        self.assertEqual((code, out), (1, "tools/setup: no network: the Debian mirrors in /etc/apt cannot be reached\n"))
        code, out = self.run_setup("fail")
        self.assertEqual((code, out.count("\n")), (1, 1))

    def test_each_package_has_a_reason(self):
        with open(SETUP, encoding="utf-8") as f:
            blocks = re.findall(r"^\w+_packages='\n(.*?)^'", f.read(), re.M | re.S)
        lines = [line for block in blocks for line in block.splitlines()]
        self.assertGreater(len(lines), 20)
        for line in lines:
            self.assertRegex(line, r"^[a-z0-9.+-]+ +\S.{3,}$")


if __name__ == "__main__":
    unittest.main()
