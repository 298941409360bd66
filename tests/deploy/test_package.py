"""The Debian package, its systemd unit and the container file."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tomllib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
UNIT = ROOT / "config" / "systemd" / "tiketi.service"
SECRETS = {
    "JWT_SECRET": "j" * 40,
    "INTERNAL_API_TOKEN": "i" * 40,
    "QUEUE_ENTRY_TOKEN_SECRET": "q" * 40,
}


def run(*command, **options):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, **options)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    out = tmp_path_factory.mktemp("package")
    lines = run(ROOT / "tools" / "package", "--build", os.environ["TIKETI_BUILD"], "--out", out).split()
    assert len(lines) == 1
    return pathlib.Path(lines[0])


@pytest.fixture(scope="module")
def tree(package, tmp_path_factory):
    out = tmp_path_factory.mktemp("tree")
    run("dpkg-deb", "-x", package, out)
    return out


def unit_lines(key):
    return re.findall(rf"^{key}=(.*)$", UNIT.read_text(), re.MULTILINE)


def test_it_says_what_it_needs(package):
    fields = run("dpkg-deb", "-f", package)
    assert re.search(r"^Package: tiketi$", fields, re.MULTILINE)
    depends = re.search(r"^Depends: (.*)$", fields, re.MULTILINE)[1]
    for library in ("libc6", "libcaf", "libsoci-core", "libsqlite3-0", "libssl3", "libcurl"):
        assert library in depends, depends
    assert "-dev" not in depends


def test_everything_is_where_debian_wants_it(package, tree):
    for path in (
        "usr/bin/tiketi",
        "usr/lib/systemd/system/tiketi.service",
        "etc/tiketi/tiketi.toml",
        "usr/share/doc/tiketi/operations.md",
        "usr/share/tiketi/prometheus/alerts.yml",
        "usr/share/tiketi/grafana/tiketi.json",
    ):
        assert (tree / path).is_file(), path
    owners = {line.split()[1] for line in run("dpkg-deb", "-c", package).splitlines()}
    assert owners == {"root/root"}
    control = run("dpkg-deb", "-I", package, "conffiles")
    assert control.split() == ["/etc/tiketi/tiketi.toml"]
    for script in ("postinst", "prerm"):
        text = run("dpkg-deb", "-I", package, script)
        subprocess.run(["sh", "-n"], input=text, text=True, check=True)


def test_the_packaged_program_starts_with_the_packaged_settings(tree, tmp_path):
    program, settings = tree / "usr/bin/tiketi", tree / "etc/tiketi/tiketi.toml"
    assert "tiketi" in run(program, "--version")
    # No provider is chosen in the file: nobody sells by mistake.
    refused = subprocess.run(
        [program, "--config", settings, f"--data={tmp_path}"],
        env={**os.environ, **SECRETS}, capture_output=True, text=True, timeout=60,
    )
    assert refused.returncode == 2
    assert "payment.provider" in refused.stderr
    dump = run(program, "--config", settings, "--payment.provider=demo", "--dump-config", env={**os.environ, **SECRETS})
    assert tomllib.loads(dump)["http"]["management_port"] == 3002


def test_systemd_takes_the_unit(tree):
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed")
    out = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", f"--root={tree}", "tiketi.service"], capture_output=True, text=True
    )
    complaints = [line for line in out.stderr.splitlines() if "tiketi.service" in line]
    # Targets that every machine has are not in the package.
    assert [c for c in complaints if "not found" not in c] == [], out.stderr


def test_the_unit_gives_each_secret_a_file():
    credentials = {c.split(":")[0] for c in unit_lines("LoadCredential")}
    given = dict(e.split("=%d/") for e in unit_lines("Environment"))
    assert set(given) == {f"{name}_FILE" for name in SECRETS}
    assert set(given.values()) == credentials


def test_the_unit_waits_longer_than_the_program():
    dump = run(os.environ["TIKETI_BINARY"], "--demo", "--dump-config")
    own = tomllib.loads(dump)["runtime"]["shutdown_timeout_seconds"]
    assert int(unit_lines("TimeoutStopSec")[0]) > own


def test_the_container_file_is_clean():
    run(pathlib.Path(sys.executable).with_name("hadolint"), ROOT / "config" / "docker" / "Dockerfile")
