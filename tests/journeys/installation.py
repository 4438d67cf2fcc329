"""Two real servers over one PostgreSQL and one Redis, behind a real nginx with the configuration of
``examples/operations``.

with Installation(folder) as site:
    site.servers[0].kill()
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

from tests.journeys.asking import Answer, Door
from tests.nginx import certified, wait_for
from tests.postgres import PostgresServer
from tests.programs import installed
from tests.redis_server import RedisServer
from tests.serving import PASSWORD, QUICK, coatcheck, free_port
from tests.surface.documents import ROOT

EXAMPLES = ROOT / "examples" / "operations"
DRAIN_FOR = 1.5
ADMIN = "admin@example.com"


class Server:
    """One ``coatcheck serve`` with ``options``, which writes to ``output``. ``origin`` is where people reach it."""

    def __init__(
        self,
        output: Path,
        environment: Mapping[str, str],
        *,
        origin: str = "",
        options: Sequence[str] = ("--drain-for", str(DRAIN_FOR)),
    ) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.output = output
        self._environment = environment
        self._options = options
        self._origin = origin or f"http://localhost:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None
        self._was_told = False

    @property
    def name(self) -> str:
        """What receipts call it: the beginning."""
        return f"{os.uname().nodename}:{self.port} "

    def start(self, source: Path | None = None) -> None:
        """Start it and wait until it is ready. ``source`` is the folder with another version's code."""
        self.begin(source)
        self.wait_until_ready()

    def begin(self, source: Path | None = None) -> None:
        """Start it, and don't wait."""
        self._was_told = False
        environment = {**self._environment, **({"PYTHONPATH": str(source)} if source else {})}
        with self.output.open("ab") as output:
            self._process = subprocess.Popen(
                [*coatcheck("serve"), "--port", str(self.port), *self._options],
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def wait_until_ready(self, patience: float = 90.0) -> None:
        """Until it says that it may get requests."""
        assert self._process is not None
        gives_up = time.monotonic() + patience
        while self.ask("GET", "readyz").status != 200:
            assert self._process.poll() is None, self.output.read_text()
            assert time.monotonic() < gives_up, self.output.read_text()
            time.sleep(0.05)

    def end(self) -> None:
        """SIGTERM, if it still runs and was not told yet."""
        assert self._process is not None
        if self._process.poll() is None and not self._was_told:
            self._process.send_signal(signal.SIGTERM)
        self._was_told = True

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        self.end()
        assert self._process is not None
        return self._process.wait(60)

    def kill(self) -> None:
        """Kill it with all its workers, as the machine's end would."""
        assert self._process is not None
        for pid in (self._process.pid, *self._workers()):
            os.kill(pid, signal.SIGKILL)
        self._process.wait(10)

    def kill_workers(self) -> None:
        """Kill what serves, and wait until the process above has started others that do."""
        killed = self._workers()
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        while not (now := self._workers()) or now & killed:
            time.sleep(0.05)
        self.wait_until_ready()

    def _workers(self) -> set[int]:
        assert self._process is not None
        pid = self._process.pid
        return set(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))

    def door(self) -> Door:
        """A way to this server that does not lead through the proxy."""
        return Door(self.url, origin=self._origin)

    def ask(self, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None) -> Answer:
        """One request over a connection of its own, not through the proxy."""
        with closing(self.door()) as door:
            return door.ask(method, path, body, headers=headers)


class Installation:
    """Everything, in ``folder``. ``url`` is where people reach it. Without ``is_told`` nobody tells nginx who is ready,
    and it finds out by trying."""

    def __init__(self, folder: Path, *, lease: float = 2.0, is_told: bool = True) -> None:
        self._is_told = is_told
        self.folder = folder
        self._port = free_port()
        self.url = f"https://localhost:{self._port}"
        self.postgres = PostgresServer(folder / "postgres")
        self.redis = RedisServer(folder / "redis")
        self.environment = (
            plain_environment()
            | QUICK
            | {
                "COATCHECK_URL": self.url,
                "COATCHECK_CACHE_URL": self.redis.url,
                "COATCHECK_SECRETS_FILE": str(folder / "secret"),
                "COATCHECK_WEB_TRUSTED_PROXIES": "127.0.0.1/32",
                "COATCHECK_REVOCATION_LEASE": f"{round(lease * 1000)}ms",
            }
        )
        self.servers = [Server(folder / f"server-{number}", self.environment, origin=self.url) for number in (1, 2)]
        self.database = ""
        self._running = ExitStack()

    def __enter__(self) -> "Installation":
        self.folder.chmod(0o711)  # PostgreSQL's processes are somebody else's
        (self.folder / "secret").write_text(token_urlsafe(32))
        with ExitStack() as running:
            for folder in (self.postgres.folder, self.redis.folder):
                folder.mkdir(exist_ok=True)
            running.enter_context(self.postgres)
            running.enter_context(self.redis)
            self.database = self.postgres.new_database()
            self.environment["COATCHECK_DATABASE_URL"] = self.database
            for server in self.servers:
                running.callback(server.stop)
                server.begin()
            for server in self.servers:
                server.wait_until_ready()
            command(self.environment, "users", "add", ADMIN, "--role", "coatcheck:admin", stdin=PASSWORD)
            self._proxy(running)
            self._running = running.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def door(self) -> Door:
        """The way that people go."""
        return Door(self.url, origin=self.url, trusted=self._trusted)

    def _proxy(self, running: ExitStack) -> None:
        """nginx, and what tells it who is ready."""
        folder = self.folder / "nginx"
        folder.mkdir()
        self._trusted = certified(folder)
        (folder / "nginx.conf").write_text(configuration(folder, self._port))
        addresses = [f"127.0.0.1:{server.port}" for server in self.servers]
        (folder / "servers.conf").write_text(
            "".join(f"server {each} max_fails=1 fail_timeout=2s;\n" for each in addresses)
        )
        with (folder / "log").open("ab") as log:
            nginx = subprocess.Popen(
                [installed("nginx"), "-p", str(folder), "-e", "stderr", "-c", "nginx.conf", "-g", "daemon off;"],
                stderr=log,
            )
        running.callback(_end, nginx)
        wait_for(self._port, nginx, folder / "log")
        if not self._is_told:
            return
        told = ("--write", str(folder / "servers.conf"), "--nginx", str(folder / "nginx.pid"), "--every", "0.2")
        running.callback(_end, subprocess.Popen([sys.executable, str(EXAMPLES / "readiness.py"), *told, *addresses]))


def plain_environment() -> dict[str, str]:
    """This process's, without any setting."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COATCHECK_")}


def command(environment: Mapping[str, str], *words: str, stdin: str = "") -> str:
    """Run a command of the command line; its output."""
    done = subprocess.run(
        coatcheck(*words), env=dict(environment), input=stdin, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def configuration(folder: Path, port: int) -> str:
    """The example's configuration of nginx, for a test that runs in ``folder``."""
    text = (EXAMPLES / "nginx.conf").read_text(encoding="utf-8").replace(" /tmp/", f" {folder}/")
    for documented, here in {
        "listen 8080;": f"listen 127.0.0.1:{free_port()};",
        "listen 8443 ssl;": f"listen 127.0.0.1:{port} ssl;",
        "/run/secrets/tls_certificate": f"{folder}/app.pem",
        "/run/secrets/tls_key": f"{folder}/app.key",
    }.items():
        assert text.count(documented) == 1, documented
        text = text.replace(documented, here)
    return f"user root;\n{text}" if os.geteuid() == 0 else text


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(10)
