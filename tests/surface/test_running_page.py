"""docs/running-many-servers.md: the secrets that its commands make are nobody else's to read, its sums are right."""

import os
import re
import shlex
import stat
import subprocess
from pathlib import Path

import yaml

from coatcheck.settings import PasswordSettings, RevocationSettings
from coatcheck.stores.postgres.store import CONNECTIONS
from tests.journeys.installation import EXAMPLES, plain_environment
from tests.serving import coatcheck
from tests.surface.documents import ROOT, blocks, text_of

PAGE = "docs/running-many-servers.md"
COMPOSE, INSTALL, *_ = range(4)
READERS = {"coatcheck": 10001, "database_url": 10001, "database_password": 999, "app.pem": 101, "app.key": 101}


def made(folder: Path) -> Path:
    """Do what the page says for Compose, with Docker and sudo played; the folder with the secrets."""
    work = folder / "project" / "examples" / "operations"
    work.mkdir(parents=True)
    certificates = folder / "private"
    certificates.mkdir()
    for name in ("app.pem", "app.key"):
        (certificates / name).write_text(name)
    for name, text in {
        "docker": f'case "$*" in "run --rm coatcheck "*) shift 3; exec {shlex.join(coatcheck())} "$@";; esac',
        "sudo": 'test "$(id -u)" != 0 || exec "$@"',
    }.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    command = blocks(PAGE, "sh")[COMPOSE].replace("/etc/ssl/private/", f"{certificates}/")
    subprocess.run(
        ["sh", "-eu", "-c", f"umask 022\n{command}"],
        check=True,
        cwd=folder / "project",
        env=plain_environment() | {"PATH": f"{folder}:{os.environ['PATH']}"},
    )
    return work / "secrets"


def test_the_secrets_are_for_the_users_of_the_containers_alone(tmp_path: Path) -> None:
    secrets = made(tmp_path)
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700
    assert {file.name for file in secrets.iterdir()} == set(READERS)
    composed = yaml.safe_load((EXAMPLES / "compose.yaml").read_text(encoding="utf-8"))["secrets"]
    assert {Path(each["file"]).name for each in composed.values()} == set(READERS)
    for file in secrets.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o400, file.name
        if os.geteuid() == 0:
            assert (file.stat().st_uid, file.stat().st_gid) == (READERS[file.name],) * 2
    if os.geteuid() == 0:
        password = (secrets / "database_password").read_text().strip()
        assert (secrets / "database_url").read_text() == f"postgresql://coatcheck:{password}@postgres/coatcheck\n"
    assert "useradd --system --uid 10001" in (EXAMPLES / "Dockerfile").read_text(encoding="utf-8")


def test_what_is_installed_for_systemd_is_there_and_goes_where_the_unit_looks() -> None:
    lines = [shlex.split(line) for line in blocks(PAGE, "sh")[INSTALL].splitlines()]
    copied = {words[-1]: words[-2] for words in lines if words[1] == "install" and "-d" not in words}
    assert all((ROOT / source).is_file() for source in copied.values())
    unit = (EXAMPLES / "coatcheck.service").read_text(encoding="utf-8")
    assert "EnvironmentFile=/etc/coatcheck/environment\n" in unit
    assert {"/etc/coatcheck/environment", "/usr/local/bin/coatcheck"} <= copied.keys()
    extras = re.findall(r"\[([\w,]+)\]", " ".join(words[-1] for words in lines))
    known = re.findall(r"^(\w+) = \[$", text_of("pyproject.toml"), re.MULTILINE)
    assert extras
    assert set(extras[0].split(",")) <= set(known)


def test_the_sum_of_connections_is_that_of_the_code() -> None:
    assert CONNECTIONS == 13
    assert "    servers × (workers + 1) × 13 + 20\n" in text_of(PAGE)
    assert 2 * (4 + 1) * CONNECTIONS + 20 == 150


def test_the_sums_of_memory_are_of_the_defaults() -> None:
    passwords, revocation = PasswordSettings(), RevocationSettings()
    worker = 80 + 2 * round(passwords.memory_kib * 1024 / 1e6)
    full = revocation.cache_records * 2 / 1e3 + revocation.remember_events * 200 / 1e6
    for each in (worker, worker + full):
        assert f"= {(75 + 4 * each) / 1e3:.1f} GB" in text_of(PAGE)
