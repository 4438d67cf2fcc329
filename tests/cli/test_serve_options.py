"""Metrics and logs of ``coatcheck serve``: what is refused, how it is said, and what costs nothing unless used."""

import json
import logging
import socket
import subprocess
import sys
from contextlib import closing

import pytest

from coatcheck.cli.serving.logs import JsonLines, Lines
from tests.cli.conftest import CommandLine
from tests.serving import free_port


@pytest.mark.parametrize("given", ["9464", ":9464", "localhost:", "localhost:http", "localhost:70000", "localhost:0"])
def test_an_address_for_metrics_that_is_none_is_refused(run: CommandLine, given: str) -> None:
    run("serve", "--metrics", given)
    assert run.code == 2
    assert "say it like 127.0.0.1:9464" in run.err


def test_a_busy_address_for_metrics_is_said_plainly(run: CommandLine) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        run("serve", "--port", str(free_port()), "--metrics", f"127.0.0.1:{port}")
    assert run.code == 1
    assert run.err.startswith(f"error: port {port} on 127.0.0.1 can't be used (address already in use); try another")


def test_what_keeps_it_from_starting_is_a_json_line_where_lines_are_json(run: CommandLine) -> None:
    run("serve", "--log-format", "json", COATCHECK_URL="http://app.example.com")
    assert run.code == 1
    said = json.loads(run.err)
    assert (said["level"], said["code"]) == ("error", "settings.misconfigured")
    assert "url must be https" in said["message"]


def test_nobody_loads_what_only_metrics_need() -> None:
    code = (
        "import sys; import coatcheck.cli.serving.worker, coatcheck.cli.serving.supervisor, coatcheck.web.app;"
        "from coatcheck.metrics import Metrics; print('prometheus_client' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def record(message: str, **fields: object) -> logging.LogRecord:
    made = {"name": "coatcheck", "levelname": "WARNING", "msg": message, "created": 1_893_456_000.25, **fields}
    return logging.makeLogRecord(made)


def test_a_json_line_has_the_time_the_level_the_message_and_what_belongs_to_it() -> None:
    said = json.loads(JsonLines({"worker": "host:8000 worker 1"}).format(record("it\nhappened", code=-9)))
    assert said.pop("process")
    assert said == {
        "time": "2030-01-01T00:00:00.250Z",
        "level": "warning",
        "logger": "coatcheck",
        "message": "it\nhappened",
        "worker": "host:8000 worker 1",
        "code": -9,
    }


def test_an_exception_is_in_the_same_json_line() -> None:
    try:
        raise ValueError("no\nway")
    except ValueError:
        line = JsonLines({}).format(record("failed", exc_info=sys.exc_info()))
    assert "\n" not in line
    assert "ValueError: no\nway" in json.loads(line)["exception"]


def test_a_message_can_not_look_like_a_line_of_its_own_nor_steer_a_terminal() -> None:
    assert Lines().format(record("a\nerror: all is lost\x1b[2J")) == "warning: a\n  error: all is lost�[2J"
