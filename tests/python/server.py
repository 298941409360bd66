"""Starts the program with demo data on a free port, and signs the demo accounts in."""
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

import requests

INTERNAL_TOKEN = "tests-internal-token-0123456789abcdef"

# All traffic comes from one address and much of it signs in, so limits are off, hashes are cheap,
# and nobody waits long in a queue.
ARGUMENTS = [
    "--demo",
    "--log.level=warn",
    "--data.durability=normal",
    "--gateway.rate_limits=false",
    "--auth.cookie_secure=false",
    "--auth.argon2_memory_kib=8",
    "--auth.argon2_iterations=1",
    "--queue.admission_interval_ms=50",
    "--ticket.tickets_per_user_and_event=10000",
    "--ticket.seats_per_user_and_event=10000",
]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """The real program as its own process, in a folder of its own; gone at the end of the block."""

    def __init__(self, *arguments, environment=None):
        self.binary = os.environ["TIKETI_BINARY"]
        self.arguments = [*ARGUMENTS, *arguments]
        self.environment = {"INTERNAL_API_TOKEN": INTERNAL_TOKEN, **(environment or {})}
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tiketi-openapi-"))
        self.log = self.folder / "server.log"
        self.start()
        return self

    def start(self):
        # Variables of the tests are no settings of the program.
        others = {name: value for name, value in os.environ.items() if not name.startswith("TIKETI_")}
        self.process = subprocess.Popen(
            [self.binary, *self.arguments, f"--data={self.folder / 'data'}", f"--port={self.port}"],
            env={**others, **self.environment},
            stdout=subprocess.DEVNULL,
            stderr=self.log.open("a"),
        )
        try:
            self.wait_until_ready()
        except BaseException:
            self.__exit__()
            raise

    def kill(self):
        """As a power cut would; `start` goes on with the same data."""
        self.process.kill()
        self.process.wait()

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def wait_until_ready(self, seconds=180):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.process.poll() is not None:
                break
            try:
                if requests.get(f"{self.url}/actuator/health/readiness", timeout=5).ok:
                    return
            except requests.ConnectionError:
                pass
            time.sleep(0.05)
        raise RuntimeError(f"the program did not start:\n{self.log_tail()}")

    def log_tail(self, size=4000):
        return self.log.read_text(errors="replace")[-size:]

    def login(self, email, password):
        answer = requests.post(
            f"{self.url}/api/v1/auth/login", json={"email": email, "password": password}, timeout=30
        )
        answer.raise_for_status()
        return answer.json()["token"]

    def tokens(self):
        return {
            "user": self.login("demo@tiketi.local", "demo-password"),
            "admin": self.login("admin@tiketi.local", "admin-password"),
            "internal": INTERNAL_TOKEN,
        }
