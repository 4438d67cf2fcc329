"""A real PgBouncer before the PostgreSQL of the tests."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit, urlunsplit

import psycopg

from tests.programs import installed
from tests.serving import free_port

_SETTINGS = """
[databases]
* = host={host} port={port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen_port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users
pool_mode = {mode}
max_client_conn = 200
default_pool_size = 40
server_round_robin = {in_turns}
"""


@contextmanager
def pooled(url: str, mode: str, *, in_turns: bool = False) -> Iterator[str]:
    """The URL of the same database through a pooler in ``mode``: ``session`` or ``transaction``. It lends the session
    that was used last, or its sessions ``in_turns``."""
    program, parts, port = installed("pgbouncer"), urlsplit(url), free_port()
    with TemporaryDirectory(prefix="coatcheck-pgbouncer-") as made:
        folder = Path(made)
        folder.chmod(0o755)
        (folder / "users").write_text(f'"{parts.username}" ""\n')
        settings = _SETTINGS.format(
            host=parts.hostname, port=parts.port, listen_port=port, folder=folder, mode=mode, in_turns=int(in_turns)
        )
        (folder / "settings").write_text(settings)
        nobody = {"user": "nobody", "group": "nogroup"} if os.geteuid() == 0 else {}  # it refuses to run as root
        with (folder / "log").open("wb") as log:
            running = subprocess.Popen([program, folder / "settings"], stderr=log, **nobody)
        through = urlunsplit(parts._replace(netloc=f"{parts.username}@127.0.0.1:{port}"))
        try:
            _wait_for(through, running, folder / "log")
            yield through
        finally:
            running.kill()
            running.wait()


def _wait_for(url: str, running: subprocess.Popen[bytes], log: Path) -> None:
    gives_up = time.monotonic() + 60
    while running.poll() is None and time.monotonic() < gives_up:
        with suppress(psycopg.OperationalError), psycopg.connect(url):
            return
        time.sleep(0.02)
    raise AssertionError(log.read_text())
