"""tools/cluster, `tiketi cluster` and the routes of a cluster, with real nodes on PostgreSQL, Redis and
Kafka, and faults between them."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import tomllib

import pytest
import requests

from server import free_port
from test_metrics import OF_CLUSTERS, dashboard_expressions, names_in, rule_expressions, samples
from test_production import BINARY, CLEAN, ROOT, SECRETS, must, processes_of, wait_for

sys.path.insert(0, str(ROOT / "tests" / "openapi"))
from contract import Contract, normalise  # noqa: E402

TOOL = ROOT / "tools" / "cluster"
EXAMPLE = ROOT / "config" / "cluster.toml"
CHEAP = ["--log.level=info", "--auth.argon2_memory_kib=8", "--auth.argon2_iterations=1", "--gateway.rate_limits=false"]
NODES = ("n1", "n2")


def tool(folder, *words, seconds=280):
    return subprocess.run(
        [TOOL, *words, "--dir", folder], capture_output=True, text=True, timeout=seconds, env=CLEAN
    )


@pytest.fixture(scope="module")
def place():
    """A folder that the account `postgres` may enter; pytest's own are closed."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="tiketi-cluster-"))
    path.chmod(0o711)
    yield path
    for folder in ("two", "killed"):
        tool(path / folder, "down")
    shutil.rmtree(path, ignore_errors=True)


class Running:
    def __init__(self, folder):
        self.folder = folder
        self.state = json.loads((folder / "cluster.json").read_text())
        token = (folder / "secrets" / "internal_api_token").read_text()
        self.headers = {"Authorization": f"Bearer {token}"}

    def url(self, node, use="http"):
        return f"http://127.0.0.1:{self.state['nodes'][node][use]}"

    def pid(self, node):
        return int((self.folder / "nodes" / node / "pid").read_text().split()[0])

    def do(self, *words):
        return must(tool(self.folder, *words))

    def get(self, node, path="", **options):
        return requests.get(f"{self.url(node)}/internal/cluster{path}", headers=self.headers, timeout=30, **options)

    def post(self, node, path, body):
        return requests.post(f"{self.url(node)}/internal/cluster{path}", json=body, headers=self.headers, timeout=30)

    def ready(self, node):
        try:
            return requests.get(f"{self.url(node, 'management')}/actuator/health/readiness", timeout=5).ok
        except requests.RequestException:
            return False

    def scrape(self, node):
        return requests.get(f"{self.url(node, 'management')}/actuator/prometheus", timeout=30).text

    def metric(self, node, series):
        for line in self.scrape(node).splitlines():
            if line.startswith(series + " "):
                return float(line.rpartition(" ")[2])
        return None

    def ask_program(self, *words):
        """`tiketi cluster`, straight at the database."""
        variables = must(subprocess.run([ROOT / "tools/lib/parts", "env", self.folder / "parts"],
                                        capture_output=True, text=True, env=CLEAN))
        return subprocess.run(
            ["bash", "-c", f'{variables}\nexec "$0" cluster "$@"', BINARY, *words], capture_output=True, text=True,
            timeout=60, env=CLEAN,
        )

    def program(self, *words, expected=0):
        done = self.ask_program(*words)
        assert done.returncode == expected, done.stdout + done.stderr
        return done

    def shards(self):
        """Of each member, by the database."""
        done = json.loads(self.ask_program("status", "--json").stdout)
        return {m["node"]: m["shards"] for m in done["members"]}


@pytest.fixture(scope="module")
def certificates(place):
    """Made by the commands of docs/operations.md: options of the program."""
    text = (ROOT / "docs" / "operations.md").read_text()
    commands = text.partition("### Certificates")[2].partition("```sh\n")[2].partition("```")[0]
    folder = place / "certificates"
    folder.mkdir()
    must(subprocess.run(["bash", "-euc", commands], cwd=folder, capture_output=True, text=True, env=CLEAN))
    must(subprocess.run(["openssl", "verify", "-CAfile", "ca.crt", "n1.crt", "n2.crt", "n3.crt"],
                        cwd=folder, capture_output=True, text=True))
    # One for all nodes: names are not compared.
    return [f"--cluster.ca_file={folder}/ca.crt", f"--cluster.certificate_file={folder}/n1.crt",
            f"--cluster.key_file={folder}/n1.key"]


@pytest.fixture(scope="module")
def running(place, certificates):
    must(tool(place / "two", "up", str(len(NODES)), "--binary", BINARY, *CHEAP, *certificates))
    cluster = Running(place / "two")
    yield cluster
    for node in NODES:
        print(node, (cluster.folder / "nodes" / node / "node.log").read_text()[-3000:])


@pytest.fixture
def cluster(running):
    """Whole again, whatever the test before left."""
    if tool(running.folder, "status").returncode == 0:
        return running
    tool(running.folder, "heal")
    for node in NODES:
        tool(running.folder, "cont", node)
        tool(running.folder, "start", node)
        running.ask_program("join", node)
    wait_for(lambda: tool(running.folder, "status").returncode == 0, 60, "the cluster to be whole")
    return running


# -- the example ---------------------------------------------------------------------------------------


def start_with_example(tmp_path, *arguments):
    return subprocess.run(
        [BINARY, f"--config={EXAMPLE}", "--payment.provider=demo", f"--data={tmp_path}", *arguments],
        capture_output=True, text=True, timeout=60,
        env={**CLEAN, **SECRETS, "TIKETI_DATABASE_PASSWORD": "d" * 40, "REDIS_PASSWORD": "r" * 40,
             "KAFKA_SASL_PASSWORD": "k" * 40},
    )


def test_the_example_is_production_and_a_cluster(tmp_path):
    dumped = tomllib.loads(must(start_with_example(tmp_path, "--dump-config")))
    assert dumped["cluster"]["enabled"] and dumped["cluster"]["ca_file"]
    # What it does not explain anew is as in the other example.
    ours, theirs = (tomllib.loads(f.read_text()) for f in (EXAMPLE, ROOT / "config" / "production.toml"))
    for section in ("database", "kafka", "bus", "http", "gateway", "payment", "trace", "log"):
        assert ours[section] == theirs[section], section
    # Everything is in order but the servers, which are nobody here.
    done = start_with_example(tmp_path, "--database.host=127.0.0.1", f"--database.port={free_port()}")
    assert done.returncode == 1 and "cannot be opened" in done.stderr, done.stderr


# -- tools/cluster -------------------------------------------------------------------------------------


def test_up_again_changes_nothing(cluster, certificates):
    pids = [cluster.pid(n) for n in NODES]
    out = cluster.do("up", str(len(NODES)), "--binary", BINARY, *CHEAP, *certificates)
    assert out.count("runs already") >= len(NODES)
    assert [cluster.pid(n) for n in NODES] == pids
    refused = tool(cluster.folder, "up", "5", "--binary", BINARY)
    assert refused.returncode == 1 and "stops it first" in refused.stderr


def test_status_names_everything(cluster):
    out = cluster.do("status")
    for word in (*NODES, "postgresql", "redis", "kafka", "0 without an owner", cluster.url("n1")[-5:]):
        assert word in out, out


def test_wrong_words_are_refused(cluster):
    for words, code, text in [
        (["kill", "n9"], 1, "there is no node 'n9'"),
        (["partition", "n1", "from", "n1"], 1, "nothing that n1 talks to"),
        (["partition", "n1", "to", "n2"], 2, "name a node"),
        (["start", "n1"], 1, "runs already"),
        (["explode"], 2, "unknown argument 'explode'"),
        (["status", "--fresh"], 2, "--fresh belongs to up"),
    ]:
        done = tool(cluster.folder, *words)
        assert (done.returncode, text in done.stderr) == (code, True), (words, done)
    assert cluster.do("status")


def established(pid):
    """Ports of the other ends of a process' connections, but those that others made to it."""
    inodes = set()
    for entry in os.scandir(f"/proc/{pid}/fd"):
        try:
            inodes.add(os.readlink(entry.path).removeprefix("socket:[").removesuffix("]"))
        except FileNotFoundError:
            continue
    listening, found = set(), []
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[9] not in inodes:
            continue
        mine, theirs = (int(fields[k].split(":")[1], 16) for k in (1, 2))
        if fields[3] == "0A":
            listening.add(mine)
        elif fields[3] == "01":
            found.append((mine, theirs))
    return {theirs for mine, theirs in found if mine not in listening}


def test_a_node_reaches_everything_through_proxies(cluster):
    nodes = cluster.state["nodes"]
    for node in NODES:
        own = nodes[node]
        others = {nodes[n]["advertise"] for n in NODES if n != node}
        parts = {own["postgresql"], own["redis"], own["kafka"]}
        # Two nodes share a connection, whoever of them has made it.
        assert parts <= established(cluster.pid(node)) <= parts | others, node
    made = [port for n in NODES for port in established(cluster.pid(n))]
    assert set(made) & {nodes[n]["advertise"] for n in NODES}


def test_a_cut_between_nodes_is_seen_by_both_and_heals(cluster):
    up = {"n1": 'cluster_peer_up{peer="n2"}', "n2": 'cluster_peer_up{peer="n1"}'}
    for node, series in up.items():
        wait_for(lambda: cluster.metric(node, series) == 1, 20, "connections")
    cluster.do("partition", "n1", "from", "n2")
    for node, series in up.items():
        wait_for(lambda: cluster.metric(node, series) == 0, 20, "the end of the connections")
    # Both reach the database: nobody is given up.
    assert set(cluster.shards()) == set(NODES)
    assert "nothing passes between n1 and n2" in tool(cluster.folder, "status").stdout
    cluster.do("heal", "n2", "from", "n1")
    for node, series in up.items():
        wait_for(lambda: cluster.metric(node, series) == 1, 20, "connections")


def test_who_is_cut_off_from_the_database_is_replaced_and_comes_back(cluster):
    cluster.do("partition", "n1", "from", "postgresql")
    wait_for(lambda: not cluster.ready("n1"), 20, "n1 to see it")
    wait_for(lambda: cluster.shards().get("n2") == 1024, 30, "n2 to take over")
    assert cluster.ready("n2")
    wait_for(lambda: cluster.metric("n1", "cluster_may_serve") == 0, 10, "the metrics")
    assert cluster.metric("n1", 'cluster_shards{state="serving"}') == 0
    cluster.do("heal")
    wait_for(lambda: cluster.ready("n1") and cluster.shards().get("n1", 0) > 300, 30, "n1 to come back")


def test_a_node_that_dies_or_stands_still_is_replaced(cluster):
    before = cluster.shards()
    cluster.do("kill", "n2")
    wait_for(lambda: cluster.shards() == {"n1": 1024}, 30, "n1 to take over")
    assert "dead" in tool(cluster.folder, "status").stdout
    cluster.do("start", "n2")
    wait_for(lambda: cluster.shards() == before, 30, "n2 to get its shards back")
    cluster.do("stop", "n1")
    wait_for(lambda: cluster.shards() == {"n2": 1024}, 30, "n2 to take over")
    cluster.do("cont", "n1")
    wait_for(lambda: cluster.shards() == before, 30, "n1 to get its shards back")


def test_a_rolling_restart_fails_no_request(cluster):
    ended = threading.Event()
    answered, failed = {n: 0 for n in NODES}, []

    def ask():
        """As behind a proxy that looks at the readiness before each request."""
        while not ended.is_set():
            for node in NODES:
                if not cluster.ready(node):
                    continue
                try:
                    answer = requests.get(f"{cluster.url(node)}/api/v1/events", timeout=10)
                    if answer.status_code != 200:
                        failed.append((node, answer.status_code, answer.text))
                    answered[node] += 1
                except requests.RequestException as e:
                    failed.append((node, str(e)))

    before = {n: cluster.pid(n) for n in NODES}
    thread = threading.Thread(target=ask)
    thread.start()
    try:
        out = cluster.do("restart")
    finally:
        ended.set()
        thread.join()
    assert failed == []
    assert all(answered.values()), answered
    assert out.count("back after") == len(NODES)
    for node in NODES:
        assert cluster.pid(node) != before[node]
        log = (cluster.folder / "nodes" / node / "node.log").read_text()
        assert "the other nodes have what was this node's" in log
        assert "this node has left" in log


def test_down_ends_what_a_killed_tool_has_started(place):
    folder = place / "killed"
    starter = subprocess.Popen([TOOL, "up", "2", "--dir", folder, "--binary", BINARY, *CHEAP],
                               env=CLEAN, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for((folder / "nodes" / "n1" / "pid").exists, 120, "the first node")
    finally:
        starter.send_signal(signal.SIGKILL)
        starter.wait()
    assert any("tools/tiketi" in c for c in processes_of(folder).values())
    must(tool(folder, "down"))
    assert processes_of(folder) == {}
    must(tool(folder, "down", "--delete"))
    assert [f.name for f in folder.iterdir()] == [".tiketi-cluster"]


# -- routes --------------------------------------------------------------------------------------------


def test_routes_are_documented_and_answer_as_documented(cluster):
    contract = Contract(requests.get(f"{cluster.url('n1')}/openapi.json", timeout=30).json())
    found = requests.get(f"{cluster.url('n1', 'management')}/actuator/mappings", timeout=30).json()["routes"]
    routes = {(r["method"].lower(), normalise(r["path"])) for r in found}
    everything = {(op["method"], normalise(op["path"])) for op in [*contract.operations.values(), *contract.elsewhere.values()]}
    # Health details and metrics have a port of their own here.
    assert {r for r in everything - routes if not r[1].startswith("/actuator")} == set()
    assert routes - everything == set()

    def check(name, answer, status):
        assert answer.status_code == status, answer.text
        contract.check_answer(contract.elsewhere[name], answer)

    check("internalCluster", cluster.get("n1"), 200)
    check("internalClusterShards", cluster.get("n2", "/shards"), 200)
    for path, name in (("/drain", "internalClusterDrain"), ("/join", "internalClusterJoin")):
        check(name, cluster.post("n1", path, {"node": "n9"}), 404)
        check(name, cluster.post("n1", path, {"node": ""}), 400)
        check(name, cluster.post("n1", path, {}), 400)
        check(name, cluster.post("n1", path, {"node": "n" * 65}), 400)
        url = f"{cluster.url('n1')}/internal/cluster{path}"
        check(name, requests.post(url, json={"node": "n2"}, timeout=30), 401)
        check(name, requests.post(url, json={"node": "n2"}, headers={"Authorization": "Bearer x"}, timeout=30), 403)
    check("internalClusterJoin", cluster.post("n1", "/join", {"node": "n2"}), 200)
    assert requests.get(f"{cluster.url('n1')}/internal/cluster", timeout=30).status_code == 401


def test_the_overview_is_the_same_on_all_nodes(cluster):
    a, b = (cluster.get(n).json() for n in NODES)
    assert a["cluster"] == b["cluster"] and len(a["cluster"]) == 36
    assert [m["node"] for m in a["members"]] == list(NODES)
    assert a["epoch"] == b["epoch"] and a["unownedShards"] == 0
    assert sum(m["shards"] for m in a["members"]) == a["shards"] == 1024
    for member, own in zip(a["members"], (a, b)):
        assert own["self"]["node"] == member["node"]
        assert own["self"]["shards"]["serving"] == member["shards"]
        assert own["self"]["standing"] == "member" and own["self"]["serving"]
        assert 0 < own["self"]["leaseRemainingMs"] <= 2500
        assert member["renewedMsAgo"] < 3000
    owners = cluster.get("n1", "/shards").json()
    assert owners["unowned"] == ""
    numbers = []
    for one in owners["owners"]:
        for part in one["shards"].split(","):
            first, _, last = part.partition("-")
            numbers += range(int(first), int(last or first) + 1)
    assert sorted(numbers) == list(range(1024))


def test_a_drained_node_is_not_ready_and_comes_back(cluster):
    done = cluster.post("n1", "/drain", {"node": "n2"})
    assert done.json() == {"node": "n2", "draining": True, "epoch": cluster.get("n1").json()["epoch"]}
    wait_for(lambda: cluster.shards() == {"n1": 1024, "n2": 0}, 30, "the hand-over")
    wait_for(lambda: not cluster.ready("n2"), 10, "the proxies to be told")
    assert cluster.ready("n1")
    # It answers whoever comes nevertheless, and is alive.
    assert requests.get(f"{cluster.url('n2')}/api/v1/events", timeout=30).ok
    assert requests.get(f"{cluster.url('n2', 'management')}/actuator/health/liveness", timeout=30).ok
    assert cluster.post("n2", "/join", {"node": "n2"}).json()["draining"] is False
    wait_for(lambda: cluster.ready("n2") and cluster.shards()["n2"] > 300, 30, "n2 to come back")


# -- tiketi cluster ------------------------------------------------------------------------------------


def test_the_command_needs_no_node(cluster):
    before = cluster.shards()
    for node in NODES:
        os.kill(cluster.pid(node), signal.SIGSTOP)
    try:
        out = cluster.program("shards", "--json").stdout
        assert {o["node"]: o["count"] for o in json.loads(out)["owners"]} == before
        wait_for(lambda: cluster.ask_program("status").stdout.count(" late") == len(NODES), 20, "leases to run out")
        assert cluster.program("status", expected=3).stdout.startswith(f"{len(NODES)} members")
        assert json.loads(cluster.program("status", "--json", expected=3).stdout)["well"] is False
    finally:
        for node in NODES:
            os.kill(cluster.pid(node), signal.SIGCONT)
    wait_for(lambda: cluster.ask_program("status").stdout.count("serving") == len(NODES), 30, "the nodes to join again")


def test_the_command_drains_and_waits(cluster):
    assert "n1 drains; it owns 0 shards" in cluster.program("drain", "n1", "--wait=30").stdout
    assert cluster.shards() == {"n1": 0, "n2": 1024}
    status = cluster.program("status").stdout
    assert [line.split()[-1] for line in status.splitlines()[2:]] == ["draining", "serving"]
    done = json.loads(cluster.program("join", "n1", "--json").stdout)
    assert done["node"] == "n1" and done["draining"] is False
    assert "no node 'n9'" in cluster.program("drain", "n9", expected=1).stderr
    refused = subprocess.run([BINARY, "cluster", "status"], capture_output=True, text=True, env=CLEAN)
    assert refused.returncode == 2 and "postgresql" in refused.stderr


# -- metrics -------------------------------------------------------------------------------------------


def test_alerts_and_panels_use_metrics_that_a_cluster_has(cluster):
    known = samples(cluster.scrape("n1")) & samples(cluster.scrape("n2"))
    used = {n for _, expr in [*rule_expressions(), *dashboard_expressions()] for n in names_in(expr)}
    used = {n for n in used if n.startswith(OF_CLUSTERS)}
    assert len(used) >= 9
    assert used - known == set()


def test_metrics_are_what_the_database_says(cluster):
    shards = cluster.shards()
    for node in NODES:
        wait_for(lambda: cluster.metric(node, 'cluster_shards{state="serving"}') == shards[node], 20, "the metrics")
        assert cluster.metric(node, 'cluster_members{state="serving"}') == len(NODES)
        assert cluster.metric(node, "cluster_view_epoch") == cluster.get(node).json()["epoch"]
        assert 0 < cluster.metric(node, "cluster_lease_remaining_seconds") <= 2.5
