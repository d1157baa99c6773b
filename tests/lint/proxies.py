#!/usr/bin/env python3
"""The configuration snippets of conf/ are accepted by the programs they are for, as far as these are installed: nginx, HAProxy,
Apache, Caddy, systemd; Prosody's by Lua, ejabberd's by its shape (a full check would start a node).
Certificates and directories of the examples are replaced by ones made here."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

import tree

PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/local/sbin"


def tool(name):
    return shutil.which(name, path=PATH)


def run(*command):
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return result.returncode, (result.stderr + result.stdout).strip()


class Stage:
    def __init__(self, root, directory):
        self.root, self.dir = root, directory
        self.cert, self.key, self.both = (os.path.join(directory, n) for n in ("cert.pem", "key.pem", "both.pem"))
        code, said = run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=chat.example.org",
                         "-keyout", self.key, "-out", self.cert)
        if code:
            raise RuntimeError(said)
        with open(self.both, "w", encoding="utf-8") as out:
            out.write(tree.read("/", self.cert) + tree.read("/", self.key))

    def copy(self, name):
        """The snippet with this machine's stand-ins for the paths that only exist at the operator's."""
        text = tree.read(self.root, "conf/" + name)
        text = re.sub(r"/etc/letsencrypt/live/[\w.]+/fullchain\.pem", self.cert, text)
        text = re.sub(r"/etc/letsencrypt/live/[\w.]+/privkey\.pem", self.key, text)
        text = re.sub(r"/etc/haproxy/certs/[\w.]+\.pem", self.both, text)
        text = text.replace("/var/www/chat", self.dir).replace("/usr/bin/postern", "/bin/true")
        return self.put(name, text)

    def put(self, name, text):
        path = os.path.join(self.dir, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path


def nginx(stage):
    snippet = stage.copy("nginx.conf")
    main = stage.put("main.conf", f"pid {stage.dir}/pid; error_log stderr; events {{}}\nhttp {{ access_log off;\n"
                     + "".join(f"{k}_temp_path {stage.dir}/{k};\n" for k in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
                     + f"include {snippet}; }}\n")
    return run(tool("nginx"), "-t", "-q", "-e", "stderr", "-c", main)


def haproxy(stage):
    return run(tool("haproxy"), "-c", "-q", "-f", stage.copy("haproxy.cfg"))


def apache2(stage):
    modules = "/usr/lib/apache2/modules"
    load = "".join(f"LoadModule {m}_module {modules}/mod_{m}.so\n" for m in
                   ("mpm_event", "authz_core", "ssl", "proxy", "proxy_http", "headers", "socache_shmcb"))
    main = stage.put("main.conf", f"ServerRoot {stage.dir}\nServerName localhost\nPidFile {stage.dir}/pid\nListen 127.0.0.1:44301\n"
                     f"ErrorLog {stage.dir}/log\n{load}Include {stage.copy('apache.conf')}\n")
    return run(tool("apache2"), "-t", "-f", main)


def caddy(stage):
    return run(tool("caddy"), "validate", "--adapter", "caddyfile", "--config", stage.copy("Caddyfile"))


def luac(stage):
    return run(tool("lua5.4"), "-e", f"assert(loadfile('{stage.copy('prosody.cfg.lua')}', 't', {{VirtualHost=function() end}}))()")


def systemd(stage):
    code, said = run(tool("systemd-analyze"), "verify", "--man=no", stage.copy("postern.service"))
    said = "\n".join(l for l in said.splitlines() if "postern.service" in l)
    return (1 if said else 0), said


def ejabberd(stage):
    """Two spaces a level, `key: value` or `- item`: tabs and a wrong indentation are what goes wrong by hand."""
    text = tree.read(stage.root, "conf/ejabberd.yml")
    bad = [f"line {n}: {l!r}" for n, l in enumerate(text.split("\n"), 1)
           if l.strip() and not l.lstrip().startswith("#") and not re.fullmatch(r"(?:  )*(?:- ?)?(?:[\w.]+:(?: \S.*)?|[\w.\"/:-]+|)", l)]
    return (1 if bad else 0), "\n".join(bad)


CHECKS = [("nginx.conf", "nginx", nginx), ("haproxy.cfg", "haproxy", haproxy), ("apache.conf", "apache2", apache2),
          ("Caddyfile", "caddy", caddy), ("prosody.cfg.lua", "lua5.4", luac), ("postern.service", "systemd-analyze", systemd),
          ("ejabberd.yml", "true", ejabberd)]


def check(root):
    problems = []
    for name, program, function in CHECKS:
        if not tool(program):
            print(f"conf/{name}: not checked, {program} is not installed")
            continue
        with tempfile.TemporaryDirectory() as scratch:
            code, said = function(Stage(root, scratch))
            if code:
                problems.append(f"conf/{name}:1: {said}")
    return problems


if __name__ == "__main__":
    sys.exit(tree.main(check))
