"""A server that is back before its PostgreSQL, as after a power cut: it waits, says why, and ends when told to."""

import asyncio
import signal
import socket
import subprocess
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from coatcheck import Settings
from coatcheck.cli.serving.rehearsing import _what_is_missing
from tests.postgres import PostgresServer
from tests.serving import SECRET, Serving, coatcheck, free_port

POSTGRES = {"COATCHECK_SECRETS": SECRET, "COATCHECK_URL": "http://localhost:8000"}


def waiting(serving: Serving) -> "subprocess.Popen[bytes]":
    """Start it, and return when it has said that it waits."""
    with serving.output.open("wb") as output:
        process = subprocess.Popen(
            [*coatcheck("serve"), "--port", str(serving.port)],
            env=serving.environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    ends = time.monotonic() + 120
    while "waiting for the database" not in serving.output.read_text():
        assert process.poll() is None, serving.output.read_text()
        assert time.monotonic() < ends
        time.sleep(0.02)
    return process


@pytest.fixture
def away(tmp_path: Path) -> Serving:
    url = f"postgresql://ann:canary-password@127.0.0.1:{free_port()}/app"
    return Serving(tmp_path, workers=1, COATCHECK_DATABASE_URL=url, **POSTGRES)


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_waiting(away: Serving, end: signal.Signals) -> None:
    process = waiting(away)
    process.send_signal(end)
    assert process.wait(30) == 0
    said = away.output.read_text()
    assert "Traceback" not in said
    assert "canary-password" not in said


def test_while_it_waits_connections_are_refused_and_other_signals_do_not_end_it(away: Serving) -> None:
    process = waiting(away)
    try:
        for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
            process.send_signal(number)
        with closing(socket.socket()) as client:
            assert client.connect_ex(("127.0.0.1", away.port)) != 0, "a proxy is to ask another server"
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(3)
        assert away.output.read_text().count("waiting for the database") == 1, "a reason is said once"
    finally:
        process.terminate()
        process.wait(10)


def test_it_serves_as_soon_as_the_database_is_there(tmp_path: Path) -> None:
    with PostgresServer(tmp_path / "postgres") as server:
        serving = Serving(tmp_path, workers=1, COATCHECK_DATABASE_URL=server.url, **POSTGRES)
        server.kill()
        process = waiting(serving)
        try:
            server.start()
            ends = time.monotonic() + 120
            while "Serving with one worker" not in serving.output.read_text():
                assert process.poll() is None, serving.output.read_text()
                assert time.monotonic() < ends
                time.sleep(0.02)
            assert "info: the database answers" in serving.output.read_text()
        finally:
            process.terminate()
            assert process.wait(30) == 0, serving.output.read_text()


def test_what_is_set_wrongly_ends_it_at_once_although_the_database_is_away(away: Serving) -> None:
    away.environment |= {"COATCHECK_SECRETS": ""}
    command = [*coatcheck("serve"), "--port", str(away.port)]
    done = subprocess.run(command, env=away.environment, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert done.stderr.startswith("error: a secret is needed with PostgreSQL")


def test_however_often_it_tries_no_thread_is_left() -> None:
    url = f"postgresql://ann@127.0.0.1:{free_port()}/app"

    async def try_often() -> None:
        for _ in range(3):
            assert "refused" in await _what_is_missing(Settings(database=url, secrets=(SECRET,)))

    before = set(threading.enumerate())  # those of earlier tests may end meanwhile
    asyncio.run(try_often())
    assert [thread for thread in threading.enumerate() if "coatcheck" in thread.name and thread not in before] == []
