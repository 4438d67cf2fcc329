"""examples/operations: every setting is one, every command is taken, and what can be run here is run."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from ipaddress import IPv4Address, ip_address, ip_network
from pathlib import Path
from secrets import token_urlsafe
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import click
import pytest
import yaml

from coatcheck.cli.environment import settings_from
from coatcheck.cli.program import coatcheck
from coatcheck.settings import Settings
from tests.journeys.installation import EXAMPLES, Server, configuration, plain_environment
from tests.nginx import certified
from tests.programs import installed
from tests.serving import QUICK, free_port
from tests.serving import coatcheck as coatcheck_command
from tests.surface.documents import ROOT

SERVERS = ("server-1", "server-2")


def composed() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((EXAMPLES / "compose.yaml").read_text(encoding="utf-8"))
    return read


def unit() -> dict[str, list[str]]:
    """The settings of the systemd unit, by name."""
    found: dict[str, list[str]] = {}
    text = (EXAMPLES / "coatcheck.service").read_text(encoding="utf-8").replace("\\\n", " ")
    for name, value in re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE):
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


def address(service: str, network: str = "front") -> str:
    """The address that the compose file gives."""
    given: str = composed()["services"][service]["networks"][network]["ipv4_address"]
    return given


def unit_command() -> list[str]:
    """What the unit starts, with its variables in place."""
    words = shlex.split(unit()["ExecStart"][0])
    return [word.replace("${LISTEN}", environment_file()["LISTEN"]) for word in words]


def read_here(environment: dict[str, str], folder: Path) -> tuple[Settings, dict[str, str]]:
    """The settings, with the files that are named put into ``folder``."""
    contents = {
        "COATCHECK_SECRETS_FILE": token_urlsafe(32),
        "COATCHECK_DATABASE_URL_FILE": "postgresql://coatcheck@postgres/coatcheck",
        "COATCHECK_CACHE_URL_FILE": "rediss://coatcheck:password@cache.internal:6380/0",
    }
    for name, content in contents.items():
        if name not in environment:
            continue
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
    assert settings.web.trusted_proxies == (f"{address('proxy')}/32",)


def test_dockers_own_address_may_not_say_who_the_client_is() -> None:
    (front,), (back,) = (composed()["networks"][name]["ipam"]["config"] for name in ("front", "back"))
    (trusted,) = composed()["x-server"]["environment"]["COATCHECK_WEB_TRUSTED_PROXIES"].split(",")
    assert ip_address(front["gateway"]) in ip_network(front["subnet"])
    assert ip_address(front["gateway"]) not in ip_network(trusted)
    fixed: list[IPv4Address] = []
    for service in composed()["services"].values():
        networks = service["networks"]
        assert isinstance(networks, dict) or networks == ["back"], "in front everybody has an address of their own"
        fixed += [ip_address(each["ipv4_address"]) for each in networks.values()] if isinstance(networks, dict) else []
    assert len(set(fixed)) == len(fixed) == 5
    assert all(each in ip_network(front["subnet"]) or each in ip_network(back["subnet"]) for each in fixed)
    assert not any(each in ip_network(back["ip_range"]) for each in fixed), "nobody else is given it"


def test_what_a_client_says_of_its_address_is_dropped_by_the_first_proxy() -> None:
    text = (EXAMPLES / "nginx.conf").read_text(encoding="utf-8")
    assert re.findall(r"proxy_set_header X-Forwarded-For (.*);", text) == ["$remote_addr"]


def test_redis_forgets_nothing_to_make_room() -> None:
    words = composed()["services"]["redis"]["command"]
    assert words[words.index("--maxmemory-policy") + 1] == "noeviction", "docs/redis.md says why"


def test_every_setting_of_the_units_environment_is_read_by_the_real_reader(tmp_path: Path) -> None:
    settings, _ = read_here(environment_file(), tmp_path)
    assert settings.database.startswith("postgresql://")
    assert settings.revocation.witness.startswith("/var/lib/coatcheck/")
    assert (settings.cache or "").startswith("rediss://")
    assert settings.web.trusted_proxies == ("10.0.0.10/32",)


def test_the_unit_listens_where_the_proxy_asks_and_prometheus_too() -> None:
    here = environment_file()["LISTEN"]
    said = accepted(unit_command()[1:])
    assert said["host"] == here
    assert f"{here}:{said['port']}" in (EXAMPLES / "readiness.py").read_text(encoding="utf-8")
    asked = yaml.safe_load((EXAMPLES / "prometheus.yml").read_text(encoding="utf-8"))["scrape_configs"][0]
    assert "{}:{}".format(*said["metrics"]) in asked["static_configs"][0]["targets"]


@pytest.mark.parametrize("name", SERVERS)
def test_metrics_are_told_where_the_proxy_does_not_come(name: str) -> None:
    assert accepted(composed()["services"][name]["command"])["metrics"] == (address(name, "back"), 9464)
    assert "back" not in composed()["services"]["proxy"]["networks"]
    assert composed()["networks"]["back"]["internal"] is True
    assert "ports" not in composed()["services"][name]


def test_systemd_never_gives_up_and_one_worker_that_is_killed_does_not_end_all() -> None:
    assert unit()["StartLimitIntervalSec"] == ["0"]
    assert unit()["Restart"] == ["always"]
    assert unit()["OOMPolicy"] == ["continue"]
    text = (EXAMPLES / "coatcheck.service").read_text(encoding="utf-8")
    assert text.index("StartLimitIntervalSec") < text.index("[Service]"), "elsewhere systemd does not read it"


def test_the_command_line_beside_the_unit_has_its_settings(tmp_path: Path) -> None:
    environment = (EXAMPLES / "environment").read_text(encoding="utf-8").replace("/etc/coatcheck", str(tmp_path))
    (tmp_path / "environment").write_text(environment)
    (tmp_path / "secret").write_text(token_urlsafe(32))
    (tmp_path / "database_url").write_text("postgresql://coatcheck@postgres/coatcheck")
    (tmp_path / "cache_url").write_text("rediss://cache.internal:6380/0")
    sudo = tmp_path / "sudo"
    sudo.write_text('#!/bin/sh\ntest "$*" != "${*#-u coatcheck -- }" || exit 9\nshift 3\nSUDO_USER=ann exec "$@"\n')
    sudo.chmod(0o755)
    ours = tmp_path / "coatcheck"
    ours.write_text(f'#!/bin/sh\ntest "$LOGNAME" = ann || exit 8\nexec {shlex.join(coatcheck_command())} "$@"\n')
    ours.chmod(0o755)
    text = (EXAMPLES / "coatcheck.sh").read_text(encoding="utf-8")
    for documented, here in {"/etc/coatcheck": str(tmp_path), "/opt/coatcheck/bin/coatcheck": str(ours)}.items():
        assert documented in text
        text = text.replace(documented, here)
    (tmp_path / "run").write_text(text)
    path = f"{tmp_path}:{os.environ['PATH']}"

    def doctor(**variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", tmp_path / "run", "doctor", "--settings"],
            capture_output=True,
            text=True,
            check=False,
            env=plain_environment() | {"PATH": path, **variables},
        )

    done = doctor()
    assert done.returncode == 0, done.stderr
    assert "https://app.example.com" in done.stdout
    assert "10.0.0.10/32" in done.stdout
    refused = doctor(COATCHECK_SECRETS_FILE="another")
    assert (refused.returncode, refused.stdout) == (2, ""), "it would act by the file, and say that all is well"
    assert "/etc/coatcheck/environment" in refused.stderr.replace(str(tmp_path), "/etc/coatcheck")


def test_the_commands_are_ones_that_the_command_line_takes() -> None:
    from_unit = unit_command()
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
    hosts = re.findall(r"^server ([\d.]+):8000", (EXAMPLES / "servers.conf").read_text(), re.MULTILINE)
    assert hosts == [address(name) for name in SERVERS], "nginx starts, whoever of them is there"


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
    shutil.copy(EXAMPLES / "servers.conf", tmp_path)
    done = subprocess.run(
        [installed("nginx"), "-t", "-p", tmp_path, "-e", "stderr", "-c", "nginx.conf"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


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
    assert options[3:5] == ["--workers", "2"]
    metrics = f"127.0.0.1:{free_port()}"
    changed = ["--drain-for", "4", "--metrics", metrics]
    server = Server(tmp_path / "output", environment, options=[*options[3:5], "--log-format", "json", *changed])
    server.start()
    try:
        assert _health(server) == 0
        assert server.ask("GET", "readyz?strict=true").status == 200
        with urlopen(f"http://{metrics}/metrics") as told:
            assert b'coatcheck_workers{state="wanted"} 2' in told.read()
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
