"""Alert rules and the dashboard against the metrics that a running node has."""
import json
import os
import pathlib
import re
import subprocess

import pytest
import requests

from server import Server, free_port

CONFIG = pathlib.Path(__file__).resolve().parents[2] / "config"
RULES = CONFIG / "prometheus" / "alerts.yml"
DASHBOARD = CONFIG / "grafana" / "tiketi.json"

# Made by Prometheus itself for each target.
OF_PROMETHEUS = {"up"}
# Of nodes in a cluster; test_cluster.py looks for those.
OF_CLUSTERS = "cluster_"


def promtool(*arguments, **options):
    command = subprocess.run(
        ["bash", "-c", 'set -e; source tools/lib/common.sh; promtool_path'],
        cwd=CONFIG.parent, capture_output=True, text=True, check=True,
    )
    tool = command.stdout.strip()
    assert tool, "promtool is missing. Run tools/setup --tests to fetch it."
    return subprocess.run([tool, *arguments], capture_output=True, text=True, **options)


@pytest.fixture(scope="module")
def scrape():
    # Redis and Kafka switched on, and nobody there: their metrics tell of that, too.
    away = [
        "--redis.enabled=true", "--redis.host=127.0.0.1", f"--redis.port={free_port()}",
        "--bus.kind=kafka", f"--kafka.brokers=127.0.0.1:{free_port()}",
    ]
    with Server(*away) as node:
        # A page, a refusal, and a failed login, so that every outcome has been counted once.
        requests.get(f"{node.url}/api/v1/events", timeout=30)
        requests.get(f"{node.url}/api/v1/admin/events", timeout=30)
        return requests.get(f"{node.url}/actuator/prometheus", timeout=30).text


def samples(text):
    return {re.match(r"[a-zA-Z_:]\w*", line)[0] for line in text.splitlines() if line and line[0] != "#"}


def names_in(expression):
    """The metrics that a PromQL expression names: identifiers outside of braces, quotes and
    brackets that are no function, keyword or grouping label."""
    bare = re.sub(r'"[^"]*"', "", expression)
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]", "", bare)
    bare = re.sub(r"\b(by|on|without|ignoring)\s*\([^)]*\)", "", bare)
    words = re.findall(r"[a-zA-Z_:][\w:]*\b(?!\s*\()", bare)
    return {w for w in words if w not in {"and", "or", "unless", "by", "on", "bool"}}


def missing_in(known, expressions):
    """What they name and nobody has, by title; without what only a cluster has."""
    missing = ((title, {n for n in names_in(expr) if not n.startswith(OF_CLUSTERS)} - known) for title, expr in expressions)
    return {title: names for title, names in missing if names}


def dashboard_expressions():
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]


def rule_expressions():
    out = promtool("check", "rules", str(RULES))
    assert out.returncode == 0, out.stdout + out.stderr
    import yaml

    for group in yaml.safe_load(RULES.read_text())["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]


def test_names_are_found_in_expressions():
    assert names_in('sum by (a) (rate(x_total{b="y_total"}[5m])) / z > 0 and on (c) w == 0') == {"x_total", "z", "w"}


def test_every_alert_uses_metrics_that_exist(scrape):
    known = samples(scrape) | OF_PROMETHEUS
    rules = dict(rule_expressions())
    assert len(rules) >= 20
    assert missing_in(known, rules.items()) == {}


def test_every_panel_uses_metrics_that_exist(scrape):
    known = samples(scrape)
    panels = list(dashboard_expressions())
    assert len(panels) >= 50
    assert missing_in(known, panels) == {}


def test_panels_and_alerts_parse(tmp_path):
    rules = [
        {"record": f"panel:number:{n}",
         "expr": expr.replace("$__rate_interval", "1m").replace("$instance", ".*")}
        for n, (_, expr) in enumerate(dashboard_expressions())
    ]
    file = tmp_path / "panels.json"  # JSON is YAML
    file.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
    out = promtool("check", "rules", str(file))
    assert out.returncode == 0, out.stdout + out.stderr


def test_alerts_fire_when_they_should():
    out = promtool("test", "rules", "alerts_test.yml", cwd=RULES.parent)
    assert out.returncode == 0, out.stdout + out.stderr


def test_the_scrape_is_well_formed(scrape):
    out = promtool("check", "metrics", input=scrape)
    # 3: only matters of taste, such as a counter without _total in its name.
    assert out.returncode in (0, 3), out.stdout + out.stderr


def test_panels_have_their_own_place():
    panels = json.loads(DASHBOARD.read_text())["panels"]
    cells = [
        (x, y)
        for p in panels
        for x in range(p["gridPos"]["x"], p["gridPos"]["x"] + p["gridPos"]["w"])
        for y in range(p["gridPos"]["y"], p["gridPos"]["y"] + p["gridPos"]["h"])
    ]
    assert len(cells) == len(set(cells))
    assert len({p["id"] for p in panels}) == len(panels)
