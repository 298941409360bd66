"""The Kubernetes manifests against the schemas of Kubernetes and against the program."""
import os
import pathlib
import subprocess
import tomllib

import kubernetes_validate
import pytest
import yaml

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "config" / "kubernetes"
SETTINGS = FOLDER / "tiketi.toml"
NODE_YAML = FOLDER / "node.yaml"


def documents():
    for file in sorted(FOLDER.glob("*.yaml")):
        for number, document in enumerate(yaml.safe_load_all(file.read_text())):
            yield pytest.param(file, document, id=f"{file.stem}-{number}-{document['kind']}")


def node():
    return yaml.safe_load(NODE_YAML.read_text())["spec"]["template"]["spec"]


def settings(*arguments):
    out = subprocess.run(
        [os.environ["TIKETI_BINARY"], f"--config={SETTINGS}", "--payment.provider=demo", *arguments, "--dump-config"],
        capture_output=True, text=True,
        env={**os.environ, "JWT_SECRET": "j" * 40, "INTERNAL_API_TOKEN": "i" * 40, "QUEUE_ENTRY_TOKEN_SECRET": "q" * 40},
    )
    assert out.returncode == 0, out.stderr
    return tomllib.loads(out.stdout)


@pytest.mark.parametrize("file, document", documents())
@pytest.mark.parametrize("version", ["1.28", "1.31", "1.34"])
def test_the_schema_of_kubernetes_accepts_it(file, document, version):
    if document["kind"] == "Kustomization":
        resources = document["resources"]
        assert sorted([*resources, "kustomization.yaml"]) == sorted(f.name for f in FOLDER.glob("*.yaml"))
        return
    kubernetes_validate.validate(document, version, strict=True)


def test_a_schema_refuses_nonsense():
    document = yaml.safe_load(NODE_YAML.read_text())
    document["spec"]["replica"] = 1
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(document, "1.31", strict=True)


def test_ports_and_folders_are_those_of_the_settings():
    values = settings()
    container = node()["containers"][0]
    ports = {p["name"]: p["containerPort"] for p in container["ports"]}
    assert ports == {"http": values["http"]["port"], "management": values["http"]["management_port"]}
    mounts = {m["name"]: m["mountPath"] for m in container["volumeMounts"]}
    assert mounts["data"] == values["data"]["directory"]
    assert container["args"] == [f"--config={mounts['settings']}/{SETTINGS.name}"]
    assert values["http"]["address"] == "0.0.0.0"


def test_there_is_time_to_stop():
    spec = node()
    pause = int(spec["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][1])
    readiness = spec["containers"][0]["readinessProbe"]
    assert pause >= readiness["periodSeconds"] * readiness["failureThreshold"]
    assert spec["terminationGracePeriodSeconds"] > pause + settings()["runtime"]["shutdown_timeout_seconds"]


def test_secrets_are_files():
    container = node()["containers"][0]
    folder = {m["name"]: m["mountPath"] for m in container["volumeMounts"]}["secrets"]
    create = (FOLDER / "kustomization.yaml").read_text()
    for variable in container["env"]:
        assert variable["name"].endswith("_FILE")
        name = variable["value"].removeprefix(folder + "/")
        assert f"--from-literal={name}=" in create
