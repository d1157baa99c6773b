"""Starts Prosody, postern and the web server of the demo page, says where to click, and stops all three.

Everything is on loopback, on free ports, and in one temporary directory that is removed at the end. What it started it ends by its
process id; the children also end when this process is killed outright (PR_SET_PDEATHSIG).
"""
import argparse
import ctypes
import functools
import http.server
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
DOMAIN, ROOMS = "localhost", "rooms.localhost"
USERS = {"alice": "wonderland", "bob": "builder"}
BUDDY = {"alice": "bob", "bob": "alice"}

PROSODY = """
{run_as_root}
data_path = "{dir}/data"
pidfile = "{dir}/prosody.pid"
admin_socket = "{dir}/admin.sock"
certificates = "{dir}"
log = {{ {{ levels = {{ min = "info" }}, to = "console" }} }}
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {port} }}
c2s_direct_tls_ports = {{}}
http_ports = {{ {http_port} }}
http_interfaces = {{ "127.0.0.1" }}
https_ports = {{}}
modules_enabled = {{
  "disco", "roster", "saslauth", "bookmarks", "carbons", "mam", "pep", "ping", "private", "smacks", "time", "vcard4",
  "vcard_legacy", "version"
}}
modules_disabled = {{ "s2s", "offline", "tls" }}
-- The hop to postern stays on this machine.
c2s_require_encryption = false
authentication = "internal_hashed"
VirtualHost "{domain}"
Component "{rooms}" "muc"
  restrict_room_creation = false
  muc_room_locking = false
Component "files.{domain}" "http_file_share"
  http_host = "localhost"
  http_external_url = "http://localhost:{http_port}/"
  http_file_share_size_limit = 10 * 1024 * 1024
"""

POSTERN = """
[server]
threads = 1
[[listen]]
address = "127.0.0.1:0"
[[domain]]
name = "{domain}"
server = "127.0.0.1:{port}"
tls = "none"
upload_origins = ["http://localhost:{http_port}"]

[webchat]
enabled = true
"""

PAGES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/demo.css": ("demo.css", "text/css; charset=utf-8"),
    "/demo.js": ("demo.js", "text/javascript; charset=utf-8"),
    "/strophe.js": ("node_modules/strophe.js/dist/strophe.umd.min.js", "text/javascript; charset=utf-8"),
}


class Failure(Exception):
    pass


class Stop(Exception):
    pass


class Child:
    """A program with its output in a file, which is shown when it goes wrong."""

    def __init__(self, name, command, directory):
        self.name, self.log = name, os.path.join(directory, name + ".log")
        libc = ctypes.CDLL(None)
        pr_set_pdeathsig = 1
        with open(self.log, "wb") as out:
            # Its own session: Ctrl-C reaches this process alone, which ends the others in order.
            self.process = subprocess.Popen(command, cwd=directory, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                                            start_new_session=True, preexec_fn=lambda: libc.prctl(pr_set_pdeathsig, signal.SIGTERM))

    def output(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()

    def fail(self, what):
        tail = "\n".join("  | " + line for line in self.output().splitlines()[-15:])
        raise Failure(f"{self.name} {what}:\n{tail}")

    def wait_for(self, ready, seconds=30):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            code = self.process.poll()
            if code is not None:
                self.fail(f"ended while starting (exit code {code})")
            found = ready()
            if found:
                return found
            time.sleep(0.05)
        return self.fail(f"was not ready after {seconds} seconds")

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def answers(port):
    with socket.socket() as s:
        s.settimeout(1)
        return s.connect_ex(("127.0.0.1", port)) == 0


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def start_prosody(directory):
    port, http_port = free_port(), free_port()
    home = os.path.join(directory, "prosody")
    for user, password in USERS.items():
        # The files of Prosody's own store. A password in the clear is hashed when it is first used.
        write(f"{home}/data/{DOMAIN}/accounts/{user}.dat", f'return {{ ["password"] = "{password}" }};\n')
        buddy = BUDDY[user]
        write(f"{home}/data/{DOMAIN}/roster/{user}.dat",
              f'return {{ [false] = {{ version = 1; pending = {{}} }}; ["{buddy}@{DOMAIN}"] = '
              f'{{ subscription = "both"; name = "{buddy.capitalize()}"; groups = {{ Friends = true }} }} }};\n')
    config = os.path.join(home, "prosody.cfg.lua")
    # Prosody refuses to run as root unless told that this is meant.
    root = "run_as_root = true" if os.getuid() == 0 else ""
    write(config, PROSODY.format(dir=home, port=port, http_port=http_port, domain=DOMAIN, rooms=ROOMS,
                                 run_as_root=root))
    child = Child("prosody", ["prosody", "-F", "--config", config], home)
    return child, port, http_port


def start_postern(binary, directory, server_port, http_port):
    home = os.path.join(directory, "postern")
    config = os.path.join(home, "postern.toml")
    write(config, POSTERN.format(domain=DOMAIN, port=server_port, http_port=http_port))
    return Child("postern", [binary, "--config", config], home)


def bosh_url(postern):
    match = re.search(r"listening (http://127\.0\.0\.1:\d+)", postern.output())
    return match and match.group(1) + "/http-bind"


class Page(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def __init__(self, facts, *arguments):
        self.facts = facts
        super().__init__(*arguments)

    def do_GET(self):
        path = self.path.split("?")[0]
        if path == "/demo.json":
            return self.answer(200, "application/json", json.dumps(self.facts).encode())
        if path not in PAGES:
            return self.answer(404, "text/plain", b"There is only the demo page here: /\n")
        name, kind = PAGES[path]
        with open(os.path.join(HERE, name), "rb") as f:
            return self.answer(200, kind, f.read())

    do_HEAD = do_GET

    def answer(self, status, kind, body):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Security-Policy", f"default-src 'self'; img-src data:; connect-src 'self' {self.facts['bosh']}")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_):
        pass


def serve_page(port, facts):
    try:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", port), functools.partial(Page, facts))
    except OSError as error:
        raise Failure(f"port {port} cannot be used for the page: {error.strerror}; choose another with --port") from error
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def run(directory, children, arguments):
    if not shutil.which("prosody"):
        raise Failure("there is no prosody; run tools/setup demo")
    if not os.access(arguments.postern, os.X_OK):
        raise Failure(f"there is no {arguments.postern}; run tools/demo, which builds it")
    prosody, server_port, http_port = start_prosody(directory)
    children.insert(0, prosody)
    prosody.wait_for(lambda: answers(server_port))
    postern = start_postern(os.path.abspath(arguments.postern), directory, server_port, http_port)
    children.insert(0, postern)
    bosh = postern.wait_for(lambda: bosh_url(postern))
    page = serve_page(arguments.port, {"bosh": bosh, "domain": DOMAIN, "room": f"lobby@{ROOMS}", "users": USERS})
    origin = bosh.rsplit("/", 1)[0]
    print(f"""
  Open the chat without JavaScript:    {origin}/

  Log in as alice, and as bob in a private window or another browser: the windows of one browser share a login.
  They know each other; there is a room as well: lobby@{ROOMS}

    alice@{DOMAIN}  password {USERS['alice']}
    bob@{DOMAIN}    password {USERS['bob']}

  The same with scripts (Strophe.js), two people in two windows of one browser:    http://127.0.0.1:{page}/
  Any other BOSH client works too: {bosh}

  postern  {origin}    log {postern.log}
  Prosody  127.0.0.1:{server_port}           log {prosody.log}

  Ctrl-C stops everything.
""", flush=True)
    while True:
        time.sleep(0.5)
        for child in children:
            if child.process.poll() is not None:
                child.fail(f"ended by itself (exit code {child.process.returncode})")


def port_number(text):
    number = int(text)
    if not 0 < number < 65536:
        raise ValueError
    return number


def main():
    parser = argparse.ArgumentParser(prog="tools/demo", description="Chat in two browsers through postern.")
    parser.add_argument("--port", type=port_number, default=0, help="port of the demo page; without it a free one")
    parser.add_argument("--postern", default=os.path.join(ROOT, "build/release/gateway/postern"), help="the binary to show")
    arguments = parser.parse_args()

    def stop(*_):
        raise Stop

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    children, directory, code = [], tempfile.mkdtemp(prefix="postern-demo-"), 0
    try:
        run(directory, children, arguments)
    except Stop:
        print("\nStopping ...", flush=True)
    except Failure as failure:
        print(f"tools/demo: {failure}", file=sys.stderr)
        code = 1
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        for child in children:
            child.stop()
        shutil.rmtree(directory, ignore_errors=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
