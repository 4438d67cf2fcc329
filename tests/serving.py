"""A real ``coatcheck serve`` with several workers, and clients for it that note what they saw and when."""

import http.client
import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

PASSWORD = "three quiet herons wade"
ADMINISTRATOR = "root@example.com"
SECRET = "for-tests-alone-2vXq0m7kR4sT9wLzB1nC8dFgH3jKpYuE"
QUICK = {
    "COATCHECK_PASSWORDS_MEMORY_KIB": "8",
    "COATCHECK_PASSWORDS_ITERATIONS": "1",
    "COATCHECK_PASSWORDS_WORKERS": "1",
    "COATCHECK_PASSWORDS_QUEUE": "10000",
    "COATCHECK_ATTEMPTS_PER_ACCOUNT": "1000000",
    "COATCHECK_ATTEMPTS_PER_DEVICE": "1000000",
    "COATCHECK_ATTEMPTS_PER_ADDRESS": "1000000",
}


Rows = list[tuple[Any, ...]]


class Answer(NamedTuple):
    """What came back: ``status`` is None when no answer came, so the outcome is unknown. Times are monotonic."""

    status: int | None
    body: dict[str, Any]
    headers: dict[str, str]
    began: float
    ended: float

    @property
    def is_unknown(self) -> bool:
        """Whether it can't be told what became of the request."""
        return self.status is None


class Asked:
    """What answers requests."""

    def call(self, method: str, path: str, body: Any = None, token: str | None = None, timeout: float = 15) -> Answer:
        """One request over a connection of its own."""
        raise NotImplementedError

    def register(self, email: str, *, timeout: float = 15, **more: Any) -> Answer:
        """Make an account and log in."""
        return self.call("POST", "register", {"email": email, "password": PASSWORD, **more}, timeout=timeout)

    def log_in(self, email: str, *, timeout: float = 15, **more: Any) -> Answer:
        """Log in."""
        return self.call("POST", "login", {"email": email, "password": PASSWORD, **more}, timeout=timeout)

    def me(self, token: str) -> Answer:
        """Whose token it is, if it is accepted."""
        return self.call("GET", "me", token=token)


class Serving(Asked):
    """``coatcheck serve`` in ``folder``, from ``start`` to ``stop``. Its output is in ``folder/output``, and
    ``options`` come last on its command line. It has a SQLite file of its own, or what ``environment`` names."""

    def __init__(
        self,
        folder: Path,
        workers: int = 3,
        host: str = "127.0.0.1",
        *,
        options: tuple[str, ...] = ("--drain-for", "0"),
        **environment: str,
    ) -> None:
        self.folder = folder
        self.workers = workers
        self.host = host
        self.port = free_port()
        self.database = folder / "app.db"
        self.output = folder / "output"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("COATCHECK_")},
            **QUICK,
            "COATCHECK_DATABASE_URL": f"sqlite:///{self.database}",
            **environment,
        }
        self.options = options
        self.started_at = 0.0
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Serving":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it and wait until every worker has registered."""
        with self.output.open("ab") as output:
            self._process = subprocess.Popen(
                [
                    *coatcheck("serve"),
                    *("--host", self.host, "--port", str(self.port), "--workers", str(self.workers)),
                    *self.options,
                ],
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.wait_for_registrations()
        self.started_at = time.monotonic()

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        return self.ended()

    def ended(self) -> int:
        """Wait for its end; the exit code."""
        assert self._process is not None
        return self._process.wait(30)

    @property
    def pid(self) -> int:
        """The process that keeps the workers."""
        assert self._process is not None
        return self._process.pid

    def worker_pids(self) -> list[int]:
        """The workers, as the kernel knows them."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [int(child) for child in children if b"coatcheck.cli.serving.worker" in command_line(int(child))]

    def registered(self) -> list[str]:
        """The names of the subscribers; none while the database can't be read."""
        path = self.database.with_name(self.database.name + "-subscribers")
        try:
            return [name for (name,) in self.rows("SELECT name FROM coatcheck_registrations", path=path)]
        except (sqlite3.OperationalError, psycopg.Error):
            return []

    @cached_property
    def administrator(self) -> str:
        """The address of somebody who may do everything, made by the first who asks."""
        words = ("users", "add", ADMINISTRATOR, "--role", "coatcheck:admin")
        done = subprocess.run(
            coatcheck(*words), env=self.environment, input=PASSWORD, text=True, capture_output=True, check=False
        )
        assert done.returncode == 0, done
        return ADMINISTRATOR

    def rows(self, statement: str, *values: Any, path: Path | None = None) -> Rows:
        """What a SELECT finds in the database; ``path`` is another file of it, where it has files."""
        with self.looking(path) as select:
            return select(statement, *values)

    @contextmanager
    def looking(self, path: Path | None = None) -> Iterator[Callable[..., Rows]]:
        """What asks the database again and again, over one connection: ``select(statement, *values)``."""
        url = self.environment["COATCHECK_DATABASE_URL"]
        if url.startswith("postgresql:"):
            with psycopg.connect(url, autocommit=True, connect_timeout=2) as connection:
                yield lambda statement, *values: connection.execute(statement.replace("?", "%s"), values).fetchall()
        else:
            with closing(sqlite3.connect(f"file:{path or self.database}?mode=ro", uri=True)) as raw:
                yield lambda statement, *values: raw.execute(statement, values).fetchall()

    def wait_for_registrations(self, *, without: frozenset[str] = frozenset(), patience: float = 120.0) -> float:
        """Wait until as many subscribers as workers are registered, none of them in ``without``; return the seconds."""
        began = time.monotonic()
        while True:
            names = [name for name in self.registered() if f":{self.port} worker" in name]  # verifiers register too
            if len(names) == self.workers and not without & set(names):
                return time.monotonic() - began
            assert self._process is not None
            assert self._process.poll() is None, self.output.read_text()
            assert time.monotonic() - began < patience, (names, self.output.read_text())
            time.sleep(0.02)

    def call(self, method: str, path: str, body: Any = None, token: str | None = None, timeout: float = 15) -> Answer:
        """One request over a connection of its own, so that any worker may get it."""
        began = time.monotonic()
        connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        try:
            return exchange(connection, method, path, body, token, began)
        finally:
            connection.close()


class Several(Asked):
    """Servers over one database, each with ``workers``: any request may go to any of them."""

    def __init__(self, folder: Path, database_url: str, servers: int = 2, workers: int = 1, **environment: str) -> None:
        self.environment = {
            "COATCHECK_DATABASE_URL": database_url,
            "COATCHECK_SECRETS": SECRET,
            "COATCHECK_URL": "http://localhost:8000",
            **environment,
        }
        self.servers = []
        for number in range(servers):
            place = folder / f"server{number}"
            place.mkdir(parents=True)
            self.servers.append(Serving(place, workers, **self.environment))

    def __enter__(self) -> "Several":
        for server in self.servers:
            server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> int:
        """SIGTERM to each; the worst exit code."""
        return max(server.stop() for server in self.servers)

    def call(self, method: str, path: str, body: Any = None, token: str | None = None, timeout: float = 15) -> Answer:
        return random.choice(self.servers).call(method, path, body, token, timeout)

    @property
    def administrator(self) -> str:
        """The address of somebody who may do everything, made by the first who asks."""
        return self.servers[0].administrator

    def rows(self, statement: str, *values: Any) -> Rows:
        """What a SELECT finds in the database."""
        return self.servers[0].rows(statement, *values)

    def looking(self) -> AbstractContextManager[Callable[..., Rows]]:
        """What asks the database again and again, over one connection."""
        return self.servers[0].looking()

    def registered(self) -> list[str]:
        """The names of the subscribers."""
        return self.servers[0].registered()

    @property
    def output(self) -> str:
        """What all of them wrote."""
        return "".join(server.output.read_text(errors="replace") for server in self.servers)


def exchange(
    connection: http.client.HTTPConnection, method: str, path: str, body: Any, token: str | None, began: float
) -> Answer:
    """One request over ``connection``."""
    is_form = path.startswith("token")
    headers = {"Content-Type": "application/x-www-form-urlencoded" if is_form else "application/json"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    sent = None if body is None else body if is_form else json.dumps(body)
    try:
        connection.request(method, f"/auth/api/{path}", sent, headers)
        response = connection.getresponse()
        text = response.read()
    except (OSError, http.client.HTTPException):
        return Answer(None, {}, {}, began, time.monotonic())
    named = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, json.loads(text) if text else {}, named, began, time.monotonic())


def coatcheck(*words: str) -> list[str]:
    """The command, as this Python runs it."""
    return [sys.executable, "-c", "from coatcheck.cli import main; main()", *words]


def command_line(pid: int) -> bytes:
    """What a process was started with; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def in_parallel(*jobs: Any) -> list[Any]:
    """Run every job in a thread of its own, all released at the same moment; return what they return."""
    gate, results = threading.Barrier(len(jobs)), [None] * len(jobs)

    def run(place: int) -> None:
        gate.wait()
        results[place] = jobs[place]()

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
