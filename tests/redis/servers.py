"""Sentinel, replicas and a cluster, from the same program as the one server."""

import random
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from tests.redis_server import RedisServer, executable


def until(holds: Callable[[], object], within: float = 120.0) -> None:
    """Wait for what another process brings about."""
    gives_up = time.monotonic() + within
    while True:
        try:
            if holds():
                return
        except redis.RedisError:
            pass
        assert time.monotonic() < gives_up
        time.sleep(0.02)


class Sentinel(RedisServer):
    """One Sentinel that watches ``master`` under the name ``main`` and decides alone."""

    def __init__(self, folder: Path, master: int, *, down_after_ms: int = 500) -> None:
        super().__init__(folder)
        self._master = master
        self._down_after_ms = down_after_ms

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / "sentinel.conf"
        file.write_text(
            f"port {self.port}\nbind 127.0.0.1\ndir {self.folder}\n"
            f"sentinel monitor main 127.0.0.1 {self._master} 1\n"
            f"sentinel down-after-milliseconds main {self._down_after_ms}\n"
            "sentinel failover-timeout main 3000\n"
        )
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen([executable(), str(file), "--sentinel"], stdout=log, stderr=log)
        until(lambda: self.client().ping())

    def master_port(self) -> int:
        """Whom it takes for the master."""
        with self.client() as client:
            return int(client.execute_command("SENTINEL", "get-master-addr-by-name", "main")[1])  # type: ignore[index]


@contextmanager
def cluster(folder: Path, nodes: int = 3) -> Iterator[list[RedisServer]]:
    """A cluster of so many masters, each with its part of the slots."""
    servers = [
        RedisServer(folder / str(n), port=_low_port(), cluster_enabled="yes", cluster_node_timeout="2000")
        for n in range(nodes)
    ]
    try:
        for n, server in enumerate(servers):
            server.start()
            with server.client() as client:
                first, last = n * 16384 // nodes, (n + 1) * 16384 // nodes - 1
                client.execute_command("CLUSTER", "ADDSLOTS", *range(first, last + 1))
                client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", n + 1)
        with servers[0].client() as client:
            for server in servers[1:]:
                client.execute_command("CLUSTER", "MEET", "127.0.0.1", server.port)
        for server in servers:
            until(lambda server=server: "cluster_state:ok" in _info(server))  # type: ignore[misc]
        yield servers
    finally:
        for server in servers:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _low_port() -> int:
    """A port that is free, as is the one 10,000 above it, where nodes speak to each other."""
    while True:
        port = random.randrange(20_000, 30_000)
        with socket.socket() as one, socket.socket() as other:
            try:
                one.bind(("127.0.0.1", port))
                other.bind(("127.0.0.1", port + 10_000))
            except OSError:
                continue
        return port


def _info(server: RedisServer) -> str:
    with redis.Redis(port=server.port) as client:
        answer = client.execute_command("CLUSTER INFO")
        return answer.decode() if isinstance(answer, bytes) else "\n".join(f"{k}:{v}" for k, v in answer.items())
