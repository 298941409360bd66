"""The compose file: against the schema of the Compose specification, as podman-compose renders it, and
against the program's own settings. No container is started here."""
import os
import pathlib
import re
import subprocess
import sys
import tomllib

import pytest
import yaml

from test_metrics import promtool

CONFIG = pathlib.Path(__file__).resolve().parents[2] / "config"
FOLDER = CONFIG / "docker"
COMPOSE = FOLDER / "docker-compose.yml"
EXAMPLE = CONFIG / "production.toml"
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("TIKETI_")}
PARTS = {"postgresql", "redis", "kafka", "sqs", "create"}


def schema_check(file):
    return subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(file)],
        capture_output=True, text=True,
    )


def render(**variables):
    # podman-compose asks podman for its version before it does anything; to render, it needs no more.
    return subprocess.run(
        [sys.executable, "-m", "podman_compose", "--podman-path", "/bin/echo", "-f", str(COMPOSE),
         "--profile", "sqs", "--profile", "tracing", "config"],
        capture_output=True, text=True, env={**CLEAN, **variables},
    )


@pytest.fixture(scope="module")
def project():
    done = render(TIKETI_PAYMENT_PROVIDER="demo")
    assert done.returncode == 0, done.stderr
    return yaml.safe_load(done.stdout)


@pytest.fixture(scope="module")
def secrets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("docker") / "secrets"
    subprocess.run([FOLDER / "make-secrets", folder], check=True, stdout=subprocess.DEVNULL)
    return folder


def environment_of(service, secrets):
    """As inside the container, with the secrets where they are here."""
    values = {name: str(value if value is not None else "") for name, value in service["environment"].items()}
    return {
        name: str(secrets / value.removeprefix("/run/secrets/")) if name.endswith("_FILE") else value
        for name, value in values.items()
    }


def program(*arguments, environment):
    return subprocess.run(
        [os.environ["TIKETI_BINARY"], *arguments], capture_output=True, text=True, timeout=60,
        env={**CLEAN, **environment},
    )


def settings(project, secrets, name="tiketi"):
    out = program(f"--config={EXAMPLE}", "--dump-config", environment=environment_of(project["services"][name], secrets))
    assert out.returncode == 0 and out.stderr == "", out.stderr
    return tomllib.loads(out.stdout)


def test_the_schema_accepts_it(tmp_path):
    done = schema_check(COMPOSE)
    assert done.returncode == 0, done.stdout + done.stderr
    wrong = tmp_path / "docker-compose.yml"
    wrong.write_text(COMPOSE.read_text().replace("healthcheck:", "healthchek:", 1))
    assert schema_check(wrong).returncode != 0


def test_it_asks_who_takes_the_money():
    done = render()
    assert done.returncode != 0
    assert "TIKETI_PAYMENT_PROVIDER" in done.stdout + done.stderr


def test_every_file_that_is_mounted_exists(project, secrets):
    count = 0
    for name, service in project["services"].items():
        for volume in service.get("volumes", []):
            source = volume["source"] if isinstance(volume, dict) else volume.split(":")[0]
            if source.startswith((".", "/")):
                assert (FOLDER / source).exists(), f"{name}: {source}"
                count += 1
            else:
                assert source in project["volumes"], f"{name}: {source}"
        if "build" in service:
            assert (FOLDER / "../.." / service["build"]["dockerfile"]).is_file()
    assert count >= 6
    named = {pathlib.Path(entry["file"]).name for entry in project["secrets"].values()}
    assert named == set(project["secrets"]) == {f.name for f in secrets.iterdir()}


def test_secrets_are_made_once(secrets):
    before = {f.name: f.read_text() for f in secrets.iterdir()}
    assert len(set(before.values())) == len(before)
    (secrets / "redis").unlink()
    out = subprocess.run([FOLDER / "make-secrets", secrets], check=True, capture_output=True, text=True).stdout
    assert out.count("made ") == 1
    after = {f.name: f.read_text() for f in secrets.iterdir()}
    assert {n for n in before if before[n] != after[n]} == {"redis"}
    assert secrets.stat().st_mode & 0o777 == 0o700
    ignored = subprocess.run(["git", "check-ignore", "-q", FOLDER / "secrets" / "redis"], cwd=FOLDER)
    assert ignored.returncode in (0, 128)  # 128: not in a repository


def test_each_service_gets_the_secrets_it_names(project):
    for name, service in project["services"].items():
        text = yaml.safe_dump({k: v for k, v in service.items() if k != "secrets"})
        used = set(re.findall(r"/run/secrets/(\w+)", text))
        assert used == set(service.get("secrets", [])), name


def test_the_program_takes_the_settings(project, secrets):
    values = settings(project, secrets)
    services = project["services"]
    assert values["database"]["kind"] == "postgresql" and values["database"]["host"] in services
    assert values["redis"]["enabled"] and values["redis"]["host"] in services
    assert values["bus"]["kind"] == "kafka"
    for broker in values["kafka"]["brokers"]:
        assert f"PLAINTEXT://{broker}" in services["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"].split(",")
    assert values["kafka"]["security_protocol"] == "plaintext"
    assert values["kafka"]["replication"] == 1
    # All that is checked before the database is asked.
    whole = program(
        f"--config={EXAMPLE}", f"--data={secrets.parent / 'data'}", "--database.host=127.0.0.1", "--database.port=1",
        environment=environment_of(services["tiketi"], secrets),
    )
    assert whole.returncode == 1 and "cannot be opened" in whole.stderr, whole.stderr
    create = settings(project, secrets, "create")
    for key in ("kind", "host", "port", "name_prefix", "user_prefix"):
        assert create["database"][key] == values["database"][key]
    same = environment_of(services["create"], secrets)["TIKETI_DATABASE_PASSWORD_FILE"]
    assert same == environment_of(services["tiketi"], secrets)["TIKETI_DATABASE_PASSWORD_FILE"]
    assert services["postgresql"]["environment"]["POSTGRES_PASSWORD_FILE"] == (
        services["create"]["environment"]["TIKETI_DATABASE_ADMIN_PASSWORD_FILE"])


def test_the_image_and_the_settings_agree(project, secrets):
    values = settings(project, secrets)
    image = (FOLDER / "Dockerfile").read_text()
    assert f"EXPOSE {values['http']['port']} {values['http']['management_port']}" in image
    entry = re.search(r"^ENTRYPOINT (.*)$", image, re.MULTILINE)[1]
    assert f"--data={values['data']['directory']}" in entry
    tiketi = project["services"]["tiketi"]
    assert any(v.endswith(f":{values['data']['directory']}") for v in tiketi["volumes"] if isinstance(v, str)) or any(
        isinstance(v, dict) and v["target"] == values["data"]["directory"] for v in tiketi["volumes"]
    )
    assert tiketi["ports"] == [f"127.0.0.1:{values['http']['port']}:{values['http']['port']}"]
    assert int(tiketi["stop_grace_period"].removesuffix("s")) > values["runtime"]["shutdown_timeout_seconds"]


def test_nothing_is_open_to_the_network(project):
    services = project["services"]
    assert project["networks"]["parts"]["internal"] is True
    for name in PARTS:
        assert "ports" not in services[name]
        assert list(services[name]["networks"]) == ["parts"], name
    for name, service in services.items():
        assert all(str(p).startswith("127.0.0.1:") for p in service.get("ports", [])), name
    hosts = [p.rsplit(":", 1)[0] for s in services.values() for p in s.get("ports", [])]
    assert len(hosts) == len(set(hosts))


def test_every_service_is_bounded_and_watched(project):
    services = project["services"]
    for name, service in services.items():
        limits = service["deploy"]["resources"]["limits"]
        assert float(limits["cpus"]) > 0 and limits["memory"], name
        assert service["restart"] == ("no" if name == "create" else "unless-stopped"), name
        assert "healthcheck" in service or service["image"] == services["tiketi"]["image"], name
        assert "no-new-privileges:true" in service["security_opt"], name
        tag = service["image"].rpartition(":")[2]
        assert tag not in ("", "latest"), name
    assert "HEALTHCHECK" in (FOLDER / "Dockerfile").read_text()


def test_the_order_of_the_start(project):
    services = project["services"]
    assert services["tiketi"]["depends_on"]["create"]["condition"] == "service_completed_successfully"
    assert services["create"]["depends_on"]["postgresql"]["condition"] == "service_healthy"
    for name, service in services.items():
        for other in service.get("depends_on", {}):
            assert set(services[other].get("profiles", [])) <= set(service.get("profiles", [])), f"{name}: {other}"


def test_prometheus_reads_the_node_and_the_rules(project, secrets):
    out = promtool("check", "config", str(CONFIG / "prometheus" / "prometheus.yml"))
    assert out.returncode == 0, out.stdout + out.stderr
    assert "rules found" in out.stdout + out.stderr
    job = yaml.safe_load((CONFIG / "prometheus" / "prometheus.yml").read_text())["scrape_configs"][0]
    assert job["job_name"] in (CONFIG / "prometheus" / "alerts.yml").read_text()
    host, port = job["static_configs"][0]["targets"][0].split(":")
    assert int(port) == settings(project, secrets)["http"]["management_port"]
    shared = set(project["services"][host]["networks"]) & set(project["services"]["prometheus"]["networks"])
    assert shared == {"front"}


def test_grafana_finds_dashboard_and_source(project):
    folder = CONFIG / "grafana" / "provisioning"
    source = yaml.safe_load((folder / "datasources" / "prometheus.yml").read_text())["datasources"][0]
    assert source["type"] == "prometheus"
    assert source["url"].removeprefix("http://").split(":")[0] in project["services"]
    place = yaml.safe_load((folder / "dashboards" / "tiketi.yml").read_text())["providers"][0]["options"]["path"]
    text = yaml.safe_dump(project["services"]["grafana"])
    assert f"{place}/tiketi.json" in text
