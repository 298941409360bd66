"""The example settings for production, the starter of PostgreSQL, Redis and Kafka, and the program on
them, with real servers."""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time
import tomllib
import uuid

import pytest
import requests

from server import free_port

ROOT = pathlib.Path(__file__).resolve().parents[2]
PARTS = ROOT / "tools" / "lib" / "parts"
EXAMPLE = ROOT / "config" / "production.toml"
BINARY = os.environ["TIKETI_BINARY"]
SECRETS = {
    "JWT_SECRET": "j" * 40,
    "INTERNAL_API_TOKEN": "i" * 40,
    "QUEUE_ENTRY_TOKEN_SECRET": "q" * 40,
}
# Variables of the tests are no settings of the program.
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("TIKETI_")}
# Of a laptop, where the example speaks of a data centre; and cheap hashes.
HERE = [
    "--demo",
    "--http.address=127.0.0.1",
    "--trace.otlp_url=off",
    "--log.level=warn",
    "--auth.argon2_memory_kib=8",
    "--auth.argon2_iterations=1",
    "--queue.admission_interval_ms=50",
]


def parts(*arguments, environment=None):
    return subprocess.run(
        [PARTS, *map(str, arguments)], capture_output=True, text=True, timeout=280, env=environment or CLEAN
    )


def must(done):
    assert done.returncode == 0, f"{done.args}: {done.stdout}{done.stderr}"
    return done.stdout


def variables(folder, *names):
    """What `eval "$(parts env DIR)"` leaves in the environment."""
    text = must(parts("env", folder, *names))
    out = subprocess.run(["bash", "-c", f"{text}\nenv -0"], capture_output=True, text=True, check=True, env=CLEAN)
    return dict(entry.split("=", 1) for entry in out.stdout.split("\0") if entry)


def processes_of(folder):
    """Of every process that works in the folder or was given it: number and command."""
    found = {}
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            place = os.readlink(entry / "cwd")
        except OSError:
            continue
        if int(entry.name) != os.getpid() and (place.startswith(str(folder)) or str(folder) in command):
            found[int(entry.name)] = command
    return found


def wait_for(what, seconds, doing):
    until = time.monotonic() + seconds
    while not (result := what()):
        assert time.monotonic() < until, f"{doing} took longer than {seconds} s"
        time.sleep(0.05)
    return result


@pytest.fixture(scope="module")
def folder():
    """A folder that the account `postgres` may enter; pytest's own are closed."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="tiketi-production-"))
    path.chmod(0o711)
    yield path
    parts("down", path / "parts")
    parts("down", path / "broken")
    parts("down", path / "redis")
    shutil.rmtree(path, ignore_errors=True)


class Node:
    """The program with the example's settings on running parts."""

    def __init__(self, folder, environment):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "node.log"
        management = free_port()
        self.management = f"http://127.0.0.1:{management}"
        self.process = subprocess.Popen(
            [BINARY, f"--config={EXAMPLE}", f"--data={folder / 'node'}", f"--port={self.port}",
             f"--http.management_port={management}", *HERE],
            env=environment, stdout=subprocess.DEVNULL, stderr=self.log.open("a"),
        )
        try:
            wait_until_ready(self.process, self.management, lambda: self.log.read_text()[-4000:])
        except BaseException:
            self.kill()
            raise

    def kill(self):
        self.process.kill()
        self.process.wait()

    def total(self, metric):
        """The sum over all labels."""
        text = requests.get(f"{self.management}/actuator/prometheus", timeout=30).text
        return sum(float(v) for v in re.findall(rf"^{metric}(?:\{{.*\}})? (\S+)$", text, re.MULTILINE))

    def stop(self):
        self.process.terminate()
        return self.process.wait(60)


def sql(values, database, statement):
    password = pathlib.Path(values["TIKETI_DATABASE_ADMIN_PASSWORD_FILE"]).read_text()
    return must(subprocess.run(
        ["psql", "-h", values["TIKETI_DATABASE_HOST"], "-p", values["TIKETI_DATABASE_PORT"], "-U", "postgres",
         "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", statement, database],
        capture_output=True, text=True, env={**CLEAN, "PGPASSWORD": password},
    )).strip()


def wait_until_ready(process, management, log):
    def ready():
        assert process.poll() is None, log()
        try:
            return requests.get(f"{management}/actuator/health/readiness", timeout=5).ok
        except requests.RequestException:
            return False

    wait_for(ready, 200, "the start of the node")


class Customer:
    def __init__(self, url, email):
        self.url, self.email = url, email

    def call(self, method, path, expected=(200, 201), **options):
        answer = requests.request(method, f"{self.url}/api/v1{path}", timeout=30, **options)
        assert answer.status_code in expected, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def register(self):
        self.call("POST", "/auth/register", json={"email": self.email, "password": "correct horse", "name": "Tour"})

    def login(self):
        answer = self.call("POST", "/auth/login", json={"email": self.email, "password": "correct horse"})
        self.headers = {"Authorization": f"Bearer {answer['token']}"}

    def event_with_seats(self):
        events = self.call("GET", "/events?status=on_sale&limit=50")["events"]
        assert events
        for event in events:
            if self.call("GET", f"/events/{event['id']}")["event"]["seat_layout_id"]:
                return event["id"]
        raise AssertionError("no event has seats")

    def book(self):
        """Lines up, holds a seat, pays; returns reservation and seat."""
        event = self.event_with_seats()
        entry = wait_for(
            lambda: self.call("POST", f"/queue/check/{event}", headers=self.headers).get("entryToken"), 30, "the queue"
        )
        seats = self.call("GET", f"/seats/events/{event}")["seats"]
        seat = next(s["id"] for s in seats if s["status"] == "available")
        held = self.call(
            "POST", "/seats/reserve", json={"eventId": event, "seatIds": [seat]},
            headers={**self.headers, "x-queue-entry-token": entry},
        )["reservation"]["id"]
        self.call(
            "POST", "/payments/process", json={"reservationId": held, "paymentMethod": "card"}, headers=self.headers
        )
        wait_for(lambda: self.status(held) == "confirmed", 120, "the confirmation")
        return event, held, seat

    def status(self, reservation):
        return self.call("GET", f"/reservations/{reservation}", headers=self.headers)["reservation"]["status"]

    def seat_status(self, event, seat):
        return next(s["status"] for s in self.call("GET", f"/seats/events/{event}")["seats"] if s["id"] == seat)


# -- the example ---------------------------------------------------------------------------------------


def test_the_example_loads_with_its_secrets():
    values = tomllib.loads(
        must(subprocess.run(
            [BINARY, f"--config={EXAMPLE}", "--payment.provider=demo", "--dump-config"], capture_output=True, text=True,
            env={**CLEAN, **SECRETS, "TIKETI_DATABASE_PASSWORD": "d" * 20, "REDIS_PASSWORD": "r", "KAFKA_SASL_PASSWORD": "k"},
        ))
    )
    assert values["database"]["kind"] == "postgresql"
    assert values["redis"]["enabled"] is True
    assert values["bus"]["kind"] == "kafka"


def test_the_example_is_refused_without_its_secrets_and_says_which(tmp_path):
    def start(**secrets):
        return subprocess.run(
            [BINARY, f"--config={EXAMPLE}", f"--data={tmp_path}", "--database.host=127.0.0.1", "--database.port=1"],
            capture_output=True, text=True, timeout=60, env={**CLEAN, **secrets},
        )

    bare = start()
    assert bare.returncode == 2
    for name in (*SECRETS, "TIKETI_DATABASE_PASSWORD", "KAFKA_SASL_PASSWORD", "payment.provider"):
        assert name in bare.stderr, bare.stderr
        assert name in EXAMPLE.read_text(), name
    # With all of them it goes on to the database, which is not there.
    whole = start(**SECRETS, TIKETI_DATABASE_PASSWORD="d" * 20, KAFKA_SASL_PASSWORD="k", TIKETI_PAYMENT_PROVIDER="demo")
    assert whole.returncode == 1
    assert "database 'tiketi_ticket at 127.0.0.1:1'" in whole.stderr, whole.stderr


def test_every_section_of_the_example_says_why():
    lines = EXAMPLE.read_text().splitlines()
    for number, line in enumerate(lines):
        if line.startswith("["):
            assert lines[number + 1].startswith("#"), line


# -- the starter ---------------------------------------------------------------------------------------


def test_the_starter_refuses_what_it_does_not_know(tmp_path):
    for arguments, text in (
        ((), "what shall it do"),
        (("up",), "needs a folder"),
        (("dance", tmp_path), "unknown argument 'dance'"),
        (("up", tmp_path, "mysql"), "unknown part 'mysql'"),
        (("down", tmp_path, "--fresh"), "belong to up"),
        (("up", tmp_path, "--until", "1x"), "number of a process"),
    ):
        done = parts(*arguments)
        assert done.returncode == 2 and text in done.stderr, done
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_something_else_is_left_alone(tmp_path):
    letter = tmp_path / "letter.txt"
    letter.write_text("mine")
    done = parts("up", tmp_path, "redis", "--fresh")
    assert done.returncode == 1 and "holds something else" in done.stderr
    assert [f.name for f in tmp_path.iterdir()] == ["letter.txt"]
    assert parts("down", tmp_path).returncode == 0
    assert parts("env", tmp_path).returncode == 1
    assert letter.read_text() == "mine"


def test_what_started_is_stopped_again_when_a_part_does_not_start(folder):
    place = folder / "broken"
    jars = folder / "no-jars"
    jars.mkdir()
    done = parts("up", place, environment={**CLEAN, "TIKETI_TEST_KAFKA_JARS": str(jars)})
    assert done.returncode == 1
    assert "Kafka ended while it started" in done.stderr
    assert "kafka.Kafka" in done.stderr, "the end of its log is shown"
    assert "PostgreSQL: starting" in done.stdout
    assert processes_of(place) == {}
    assert parts("status", place).returncode == 3


def test_a_part_lives_as_long_as_who_asked_for_it(folder):
    place = folder / "redis"
    owner = subprocess.Popen(["sleep", "1000"])
    try:
        must(parts("up", place, "redis", "--until", owner.pid))
        values = variables(place, "redis")
        assert "REDIS_PASSWORD" not in values
        password = pathlib.Path(values["REDIS_PASSWORD_FILE"])
        assert password.stat().st_mode & 0o077 == 0
        assert password.parent.stat().st_mode & 0o077 == 0

        def ping(**secret):
            return subprocess.run(
                ["redis-cli", "-h", values["TIKETI_REDIS_HOST"], "-p", values["TIKETI_REDIS_PORT"], "ping"],
                capture_output=True, text=True, env={**CLEAN, **secret},
            ).stdout.strip()

        assert "NOAUTH" in ping()
        assert ping(REDISCLI_AUTH=password.read_text()) == "PONG"
        assert "runs already" in must(parts("up", place, "redis"))
        assert must(parts("status", place, "redis")).split()[1] == "running"
        # Ports and passwords are kept.
        must(parts("down", place, "redis"))
        must(parts("up", place, "redis"))
        assert variables(place, "redis")["TIKETI_REDIS_PORT"] == values["TIKETI_REDIS_PORT"]
    finally:
        owner.kill()
        owner.wait()
    wait_for(lambda: not processes_of(place), 30, "the end of the parts")


# -- the program on them -------------------------------------------------------------------------------


def test_a_booking_survives_the_death_of_the_node(folder):
    place = folder / "parts"
    must(parts("up", place, "--until", os.getpid()))
    values = variables(place)
    environment = {**CLEAN, **values}

    def written(role):
        return int(sql(values, f"tiketi_{role}", "SELECT count(*) FROM outbox"))

    def unknown_to_stats():
        """Types of events that the statistics have not applied; of artists they want to know nothing."""
        known = set(sql(values, "tiketi_stats", "SELECT event_id FROM processed_events").split())
        rows = [
            row.split("|")
            for role in ("auth", "catalog", "ticket", "payment")
            for row in sql(values, f"tiketi_{role}", "SELECT event_id, type FROM outbox").splitlines()
        ]
        return {kind for event_id, kind in rows if event_id not in known}

    def applied(role):
        return int(sql(values, f"tiketi_{role}", "SELECT count(*) FROM processed_events"))

    create = [BINARY, "migrate", "--create", f"--config={EXAMPLE}", f"--data={place / 'node'}"]
    for _ in range(2):  # the second time there is nothing to do
        must(subprocess.run(create, capture_output=True, text=True, env=environment, timeout=120))
    del environment["TIKETI_DATABASE_ADMIN_PASSWORD_FILE"]

    node = Node(place, environment)
    try:
        customer = Customer(node.url, f"{uuid.uuid4()}@example.com")
        customer.register()
        customer.login()
        event, reservation, seat = customer.book()
        assert customer.seat_status(event, seat) == "reserved"
    finally:
        node.kill()

    node = Node(place, environment)
    try:
        customer.url = node.url
        customer.login()
        assert customer.status(reservation) == "confirmed"
        assert customer.seat_status(event, seat) == "reserved"
        assert customer.book()[1] != reservation
        wait_for(lambda: unknown_to_stats() <= {"ARTIST_CHANGED"}, 120, "the statistics")
        assert node.stop() == 0, node.log.read_text()[-4000:]
    finally:
        node.kill()

    # Kafka is lost with everything in it. What docs/operations.md says brings the events back, and who
    # has applied one skips it.
    must(parts("down", place, "kafka"))
    shutil.rmtree(place / "kafka")
    operations = (ROOT / "docs" / "operations.md").read_text()
    statement = "DELETE FROM outbox_cursors WHERE consumer = 'kafka'"
    assert statement in operations
    roles = ("auth", "catalog", "ticket", "payment", "community")
    for role in roles:
        assert sql(values, f"tiketi_{role}", f"{statement} RETURNING consumer") == "kafka", role
    kept = sum(map(written, roles))
    before = [applied("ticket"), applied("stats")]
    assert kept > 20 and min(before) > 0
    must(parts("up", place, "kafka"))
    node = Node(place, {**environment, **variables(place, "kafka")})
    try:
        wait_for(lambda: node.total("kafka_produced_total") >= kept, 120, "the delivery")
        wait_for(lambda: node.total("kafka_consumer_lag") == 0 and node.total("kafka_consumer_held") == 0, 120, "the lag")
        assert [applied("ticket"), applied("stats")] == before
        assert node.total("kafka_dead_letters_total") == 0
        customer.url = node.url
        customer.login()
        assert customer.status(reservation) == "confirmed"
        customer.book()
        assert node.stop() == 0, node.log.read_text()[-4000:]
    finally:
        node.kill()

    must(parts("down", place))
    assert processes_of(place) == {}
    assert parts("status", place).returncode == 3


def test_run_production_stops_everything_it_started(folder):
    place = folder / "parts"
    log = folder / "run.log"
    port, management = free_port(), free_port()
    run = subprocess.Popen(
        [ROOT / "tools" / "run", "--production", "--parts", place, "--binary", BINARY, f"--port={port}",
         f"--http.management_port={management}", *HERE],
        env=CLEAN, stdin=subprocess.DEVNULL, stdout=log.open("w"), stderr=subprocess.STDOUT,
    )

    def said():
        return log.read_text(errors="replace")

    try:
        wait_until_ready(run, f"http://127.0.0.1:{management}", said)
        assert f"http://localhost:{port}/api/v1" in said()
        second = subprocess.run(
            [ROOT / "tools" / "run", "--production", f"--parts={place}", f"--binary={BINARY}"],
            env=CLEAN, capture_output=True, text=True, timeout=60,
        )
        assert second.returncode == 1 and "another tools/run" in second.stderr, second
        customer = Customer(f"http://127.0.0.1:{port}", f"{uuid.uuid4()}@example.com")
        customer.register()
        customer.login()
        customer.book()

        # A part that dies is named, the sale goes on, and the part can be started again.
        pid = int(must(parts("status", place, "redis")).split()[2])
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: "run: redis has ended" in said(), 60, "the message")
        customer.book()
        must(parts("up", place, "redis"))
        wait_for(lambda: "run: redis runs again" in said(), 60, "the message")

        run.send_signal(signal.SIGTERM)
        assert run.wait(120) == 0, said()
    finally:
        if run.poll() is None:
            run.terminate()
            try:
                run.wait(60)
            except subprocess.TimeoutExpired:
                run.kill()
                run.wait()
    text = said()
    order = [text.index(line) for line in (
        "run: stopping the node", "parts: Kafka stopped", "parts: Redis stopped", "parts: PostgreSQL stopped")]
    assert order == sorted(order), text
    assert processes_of(place) == {}


def test_run_production_leaves_nothing_behind_when_it_is_killed(folder):
    place = folder / "parts"
    run = subprocess.Popen(
        [ROOT / "tools" / "run", "--production", f"--parts={place}", f"--binary={BINARY}", f"--port={free_port()}",
         f"--http.management_port={free_port()}", *HERE],
        env=CLEAN, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )

    def node_runs():
        assert run.poll() is None
        return any(c.startswith(f"{BINARY} --config") for c in processes_of(place).values())

    try:
        wait_for(node_runs, 120, "the start of the node")
    finally:
        run.kill()
        run.wait()
    wait_for(lambda: not processes_of(place), 120, "the end of all processes")
