"""The Kubernetes manifests against the schemas of Kubernetes and against the program."""
import os
import pathlib
import re
import subprocess
import tomllib

import kubernetes_validate
import pytest
import yaml

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "config" / "kubernetes"
SETTINGS = FOLDER / "tiketi.toml"
NODE_YAML = FOLDER / "node.yaml"
CREATE_YAML = FOLDER / "create.yaml"


def documents():
    for file in sorted(FOLDER.glob("*.yaml")):
        for number, document in enumerate(yaml.safe_load_all(file.read_text())):
            yield pytest.param(file, document, id=f"{file.stem}-{number}-{document['kind']}")


def node():
    return yaml.safe_load(NODE_YAML.read_text())["spec"]["template"]["spec"]


def every(kind):
    return [d for f in sorted(FOLDER.glob("*.yaml")) for d in yaml.safe_load_all(f.read_text()) if d["kind"] == kind]


def job():
    return next(d for d in every("Job"))["spec"]["template"]["spec"]


def secrets_in(spec):
    """Where each secret file of a pod comes from: path in the pod -> (secret, key)."""
    volumes = {v["name"]: v["secret"]["secretName"] for v in spec["volumes"] if "secret" in v}
    mounts = {m["mountPath"]: volumes[m["name"]] for m in spec["containers"][0]["volumeMounts"] if m["name"] in volumes}
    found = {}
    for variable in spec["containers"][0]["env"]:
        for folder, secret in mounts.items():
            if variable.get("value", "").startswith(folder + "/"):
                found[variable["name"]] = (secret, variable["value"].removeprefix(folder + "/"))
    return found


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
        # What is applied once is not applied with the rest.
        assert sorted([*resources, "kustomization.yaml", CREATE_YAML.name]) == sorted(f.name for f in FOLDER.glob("*.yaml"))
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
    assert ports == {
        "http": values["http"]["port"], "management": values["http"]["management_port"],
        "cluster": values["cluster"]["port"],
    }
    mounts = {m["name"]: m["mountPath"] for m in container["volumeMounts"]}
    assert mounts["data"] == values["data"]["directory"]
    assert mounts["uploads"] == values["uploads"]["directory"]
    assert container["args"] == [f"--config={mounts['settings']}/{SETTINGS.name}"]
    assert values["http"]["address"] == "0.0.0.0"


def test_there_is_time_to_stop():
    spec = node()
    pause = int(spec["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][1])
    readiness = spec["containers"][0]["readinessProbe"]
    assert pause >= readiness["periodSeconds"] * readiness["failureThreshold"]
    assert spec["terminationGracePeriodSeconds"] > pause + settings()["runtime"]["shutdown_timeout_seconds"]


def created_secrets():
    """What the head of kustomization.yaml says to create: secret -> keys."""
    text = (FOLDER / "kustomization.yaml").read_text().replace("\\\n#", " ")
    return {
        name: set(re.findall(r"--from-(?:literal|file)=([\w.]+)=", rest))
        for name, rest in re.findall(r"kubectl create secret generic (\S+) (.*)", text)
    }


@pytest.mark.parametrize("spec", [node(), job()], ids=["node", "create"])
def test_secrets_are_files(spec):
    created = created_secrets()
    found = secrets_in(spec)
    for variable in spec["containers"][0]["env"]:
        if variable["name"].endswith("_FILE") or variable["name"] == "PGSSLROOTCERT":
            secret, key = found[variable["name"]]
            assert key in created[secret], variable
        elif variable["name"] not in {"POD_IP", "TIKETI_CLUSTER_NODE", "TIKETI_CLUSTER_ADVERTISE"}:
            assert variable["name"].startswith("TIKETI_DATABASE_") and "PASSWORD" not in variable["name"]
    for volume in spec["volumes"]:
        if "secret" in volume:
            assert volume["secret"]["secretName"] in created
    names = {v["name"] for v in spec["volumes"]}
    assert {m["name"] for m in spec["containers"][0]["volumeMounts"]} <= names | {"data"}


def test_nodes_find_and_trust_each_other():
    values = settings()["cluster"]
    assert values["enabled"] and not values["allow_plain"] and values["address"] == "0.0.0.0"
    container = node()["containers"][0]
    found = {v["name"]: v for v in container["env"]}
    assert found["TIKETI_CLUSTER_NODE"]["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.name"
    assert found["POD_IP"]["valueFrom"]["fieldRef"]["fieldPath"] == "status.podIP"
    assert found["TIKETI_CLUSTER_ADVERTISE"]["value"] == f"$(POD_IP):{values['port']}"
    names = [v["name"] for v in container["env"]]
    assert names.index("POD_IP") < names.index("TIKETI_CLUSTER_ADVERTISE"), "only what stands before is known"
    mounts = {m["name"]: m["mountPath"] for m in container["volumeMounts"]}
    for key in ("ca_file", "certificate_file", "key_file"):
        folder, _, file = values[key].rpartition("/")
        assert folder == mounts["cluster-tls"] and file in created_secrets()["tiketi-cluster-tls"]
    claim = next(v for v in node()["volumes"] if v["name"] == "uploads")["persistentVolumeClaim"]["claimName"]
    assert {c["metadata"]["name"]: c["spec"]["accessModes"] for c in every("PersistentVolumeClaim")} == {claim: ["ReadWriteMany"]}
    policy = next(p for p in every("NetworkPolicy") if p["metadata"]["name"] == "tiketi")["spec"]
    ours = {"podSelector": policy["podSelector"]}
    assert {"from": [ours], "ports": [{"port": "cluster"}]} in policy["ingress"]
    assert {"to": [ours], "ports": [{"port": values["port"]}]} in policy["egress"]
    headless = next(s for s in every("Service") if s["spec"].get("clusterIP") == "None")
    assert values["port"] in [p["port"] for p in headless["spec"]["ports"]]


def test_the_node_has_every_secret_it_needs_and_no_administrators():
    found = secrets_in(node())
    assert {"JWT_SECRET_FILE", "TIKETI_DATABASE_PASSWORD_FILE", "REDIS_PASSWORD_FILE", "KAFKA_SASL_PASSWORD_FILE"} <= set(found)
    assert "admin" not in yaml.safe_dump(node())
    mounts = {m["mountPath"] for m in node()["containers"][0]["volumeMounts"]}
    folder, _, file = settings()["kafka"]["ssl_ca_file"].rpartition("/")
    assert folder in mounts and file in created_secrets()["tiketi-kafka-ca"]


def start(tmp_path, *arguments, **variables):
    # A port that nobody listens on: settings are checked before.
    return subprocess.run(
        [os.environ["TIKETI_BINARY"], *arguments, f"--data={tmp_path}", "--database.host=127.0.0.1", "--database.port=1"],
        capture_output=True, text=True, timeout=60,
        env={**{n: v for n, v in os.environ.items() if not n.startswith("TIKETI_")}, **variables},
    )


def with_files(spec, tmp_path):
    """The pod's environment, with its secrets in files here."""
    files = {name: tmp_path / f"{n}" for n, name in enumerate(secrets_in(spec))}
    for file in files.values():
        file.write_text(str(file) + "-" * 40)
    of_pod = {"metadata.name": "tiketi-0", "status.podIP": "10.1.2.3"}
    out = {}
    for v in spec["containers"][0]["env"]:
        value = v["value"] if "value" in v else of_pod[v["valueFrom"]["fieldRef"]["fieldPath"]]
        out[v["name"]] = str(files.get(v["name"], value.replace("$(POD_IP)", out.get("POD_IP", ""))))
    return out


def test_the_program_takes_what_the_node_is_given(tmp_path):
    done = start(tmp_path, f"--config={SETTINGS}", "--payment.provider=demo", **with_files(node(), tmp_path))
    assert done.returncode == 1 and "cannot be opened" in done.stderr, done.stderr


def test_the_job_makes_the_databases_that_the_node_uses(tmp_path):
    container = job()["containers"][0]
    given = {v["name"]: v["value"] for v in container["env"]}
    for key, value in settings()["database"].items():
        assert given.get(f"TIKETI_DATABASE_{key.upper()}", str(value)) == str(value), key
    for key in ("kind", "host", "port", "tls"):
        assert f"TIKETI_DATABASE_{key.upper()}" in given
    assert secrets_in(job())["TIKETI_DATABASE_PASSWORD_FILE"] == secrets_in(node())["TIKETI_DATABASE_PASSWORD_FILE"]
    assert given["PGSSLROOTCERT"] == next(v["value"] for v in node()["containers"][0]["env"] if v["name"] == "PGSSLROOTCERT")
    image = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())["images"][0]
    assert container["image"] == f"{image['newName']}:{image['newTag']}"
    words = [w for w in container["command"][1:] if not w.startswith("--data")]
    done = start(tmp_path, *words, **with_files(job(), tmp_path))
    assert done.returncode == 1 and "'postgres at 127.0.0.1:1' cannot be opened" in done.stderr, done.stderr


def test_the_network_lets_the_node_reach_its_parts_and_no_more():
    values = settings()
    reach = {("database", values["database"]["port"]): values["database"]["host"]}
    reach["cache", values["redis"]["port"]] = values["redis"]["host"]
    for broker in values["kafka"]["brokers"]:
        host, port = broker.split(":")
        reach["kafka", int(port)] = host
    policies = {p["metadata"]["name"]: p["spec"] for p in every("NetworkPolicy")}
    open_to = set()
    for rule in policies["tiketi"]["egress"]:
        for peer in rule.get("to", []):
            if "podSelector" in peer:
                continue  # nodes among themselves
            if "namespaceSelector" in peer:
                name = peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
                open_to |= {(name, p["port"]) for p in rule["ports"]}
            else:
                # Outside, by https only, and to no private address.
                assert [p["port"] for p in rule["ports"]] == [443] and len(peer["ipBlock"]["except"]) >= 2
    assert set(reach) | {("monitoring", 4318)} == open_to
    for (namespace, _), host in reach.items():
        assert host.split(".")[1:] == [namespace, "svc"]
    labels = yaml.safe_load(NODE_YAML.read_text())["spec"]["template"]["metadata"]["labels"]
    assert policies["tiketi"]["podSelector"]["matchLabels"].items() <= labels.items()
    assert every("PodDisruptionBudget")[0]["spec"]["selector"]["matchLabels"].items() <= labels.items()
