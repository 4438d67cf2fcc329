"""examples/operations: every setting is one, every command is taken, and what can be run here is run."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from secrets import token_urlsafe
from typing import Any
from urllib.parse import urlsplit

import click
import pytest
import yaml

from coatcheck.cli.environment import settings_from
from coatcheck.cli.program import coatcheck
from coatcheck.settings import Settings
from tests.journeys.installation import EXAMPLES, Server, configuration, plain_environment
from tests.nginx import certified
from tests.programs import installed
from tests.serving import QUICK
from tests.surface.documents import ROOT

SERVERS = ("server-1", "server-2")


def composed() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((EXAMPLES / "compose.yaml").read_text(encoding="utf-8"))
    return read


def unit() -> dict[str, list[str]]:
    """The settings of the systemd unit, by name."""
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r"^(\w+)=(.*)$", (EXAMPLES / "coatcheck.service").read_text(), re.MULTILINE):
        found.setdefault(name, []).append(value)
    return found


def instructions() -> list[tuple[str, str]]:
    """The lines of the Dockerfile, as instruction and the rest."""
    text = (EXAMPLES / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(word, rest.strip()) for word, _, rest in (line.strip().partition(" ") for line in lines)]


def environment_file() -> dict[str, str]:
    lines = (EXAMPLES / "environment").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def read_here(environment: dict[str, str], folder: Path) -> tuple[Settings, dict[str, str]]:
    """The settings, with the files that are named put into ``folder``."""
    contents = {
        "COATCHECK_SECRETS_FILE": token_urlsafe(32),
        "COATCHECK_DATABASE_URL_FILE": "postgresql://coatcheck@postgres/coatcheck",
    }
    for name, content in contents.items():
        file = folder / Path(environment[name]).name
        file.write_text(content + "\n", encoding="utf-8")
        environment = environment | {name: str(file)}
    return settings_from(environment), environment


def accepted(words: list[str]) -> dict[str, Any]:
    """What the command line makes of a command. Raises UsageError for what it doesn't know."""
    name, *rest = words
    group = click.Context(coatcheck, info_name="coatcheck")
    command = coatcheck.get_command(group, name)
    assert command is not None, name
    return command.make_context(name, rest, parent=group).params


@pytest.mark.parametrize("name", SERVERS)
def test_every_setting_of_the_compose_file_is_read_by_the_real_reader(name: str, tmp_path: Path) -> None:
    settings, _ = read_here(composed()["services"][name]["environment"], tmp_path)
    assert settings.database.startswith("postgresql://")
    assert settings.cache == "redis://redis:6379/0"
    assert not settings.is_local
    assert settings.web.trusted_proxies == (composed()["networks"]["front"]["ipam"]["config"][0]["subnet"],)


def test_every_setting_of_the_units_environment_is_read_by_the_real_reader(tmp_path: Path) -> None:
    settings, _ = read_here(environment_file(), tmp_path)
    assert settings.database.startswith("postgresql://")
    assert settings.revocation.witness.startswith("/var/lib/coatcheck/")


def test_the_commands_are_ones_that_the_command_line_takes() -> None:
    from_unit = shlex.split(unit()["ExecStart"][0])
    assert Path(from_unit[0]).name == "coatcheck"
    for words in (from_unit[1:], *(composed()["services"][name]["command"] for name in SERVERS)):
        said = accepted(words)
        assert (said["drain_for"], said["port"]) == (5.0, 8000)
    assert accepted(["serve", "--host", "0.0.0.0"])["host"] == "0.0.0.0"


@pytest.mark.parametrize("name", [*SERVERS, "proxy"])
def test_what_faces_the_network_is_nobody_and_writes_nowhere(name: str) -> None:
    service = composed()["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    if name in SERVERS:
        assert dict(instructions())["USER"] == "10001:10001"
    assert not any(key == "COATCHECK_SECRETS" or key == "PASSWORD" for key in service.get("environment", {}))


def test_whatever_the_compose_file_names_is_defined_in_it_or_lies_beside_it() -> None:
    whole = composed()
    services = whole["services"].values()
    for kind in ("secrets", "networks"):
        assert {each for service in services for each in service.get(kind, [])} == set(whole[kind])
    sources = {volume.split(":")[0] for service in services for volume in service.get("volumes", [])}
    assert {source for source in sources if not source.startswith("./")} == set(whole["volumes"])
    assert all((EXAMPLES / source).is_file() for source in sources if source.startswith("./"))
    read = {value for service in services for value in service.get("environment", {}).values()}
    assert {Path(value).name for value in read if str(value).startswith("/run/secrets/")} <= set(whole["secrets"])
    assert (EXAMPLES / whole["x-server"]["build"]["context"]).resolve() == ROOT
    assert (ROOT / whole["x-server"]["build"]["dockerfile"]).is_file()
    assert all(name in whole["services"] for service in services for name in service.get("depends_on", []))
    hosts = re.findall(r"^server ([\w-]+):8000", (EXAMPLES / "servers.conf").read_text(), re.MULTILINE)
    assert tuple(hosts) == SERVERS


def test_the_image_copies_what_is_there_and_keeps_no_more_than_it_installs() -> None:
    copied = [rest.split()[:-1] for word, rest in instructions() if word == "COPY" and not rest.startswith("--from")]
    assert all((ROOT / source).exists() for sources in copied for source in sources)
    assert "psycopg-binary==" in (ROOT / "requirements" / "run.txt").read_text(), "every extra is in it"


def test_docker_waits_for_longer_than_a_server_takes_to_end() -> None:
    assert composed()["x-server"]["stop_grace_period"] == "40s"
    assert (unit()["TimeoutStopSec"], unit()["KillMode"]) == (["40"], ["mixed"])


def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("NO SYSTEMD: there is no systemd-analyze here")
    text = (EXAMPLES / "coatcheck.service").read_text(encoding="utf-8")
    here = tmp_path / "coatcheck.service"
    here.write_text(text.replace("/opt/coatcheck/bin/coatcheck", shutil.which("true") or "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", here], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_nginx_takes_the_configuration(tmp_path: Path) -> None:
    certified(tmp_path)
    (tmp_path / "nginx.conf").write_text(configuration(tmp_path, 8443))
    (tmp_path / "servers.conf").write_text(
        (EXAMPLES / "servers.conf").read_text().replace("server-1", "127.0.0.1").replace("server-2", "127.0.0.2")
    )
    done = subprocess.run(
        [installed("nginx"), "-t", "-p", tmp_path, "-e", "stderr", "-c", "nginx.conf"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.timeout(300)
def test_a_server_runs_as_the_compose_file_says_and_the_health_check_says_how_it_is(
    tmp_path: Path, postgres_url: str, redis_url: str
) -> None:
    _, environment = read_here(composed()["services"]["server-1"]["environment"], tmp_path)
    Path(environment["COATCHECK_DATABASE_URL_FILE"]).write_text(postgres_url)
    environment |= (
        plain_environment()
        | QUICK
        | {
            "COATCHECK_CACHE_URL": redis_url,
            "COATCHECK_REVOCATION_WITNESS": str(tmp_path / "witness"),
            "COATCHECK_REVOCATION_DENY_LIST": str(tmp_path / "deny"),
        }
    )
    options = composed()["services"]["server-1"]["command"]
    server = Server(tmp_path / "output", environment, options=[*options[3:5], *options[-2:], "--drain-for", "4"])
    server.start()
    try:
        assert _health(server) == 0
        assert server.ask("GET", "readyz?strict=true").status == 200
        server.end()
        gives_up = time.monotonic() + 3.5
        while server.ask("GET", "readyz").status == 200:
            assert time.monotonic() < gives_up
            time.sleep(0.05)
        assert _health(server) == 1, "it drains, and gets no requests any more"
    finally:
        assert server.stop() == 0
    assert (tmp_path / "witness").exists()
    assert '"level"' in server.output.read_text(), "it logs as JSON"


def _health(server: Server) -> int:
    """The exit code of the image's health check."""
    (line,) = (rest for word, rest in instructions() if word == "HEALTHCHECK")
    words = yaml.safe_load(line.partition("CMD ")[2])
    here = [word.replace("127.0.0.1:8000", urlsplit(server.url).netloc) for word in words]
    assert here[0] == "python"
    return subprocess.run(
        [sys.executable, *here[1:]], capture_output=True, check=False, env=dict(os.environ)
    ).returncode
