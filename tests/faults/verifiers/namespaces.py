"""Networks of their own for some processes, joined to this machine's by a wire that can be cut (Linux, root).

with Network(2) as network:
    with network.spaces[0].black_hole(): ...

All of them reach this machine at ``SERVER``, an address for documentation (RFC 5737) that exists as long as the
network; ``localhost`` means that address there.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

SERVER = "192.0.2.1"
NOBODY = "02:00:00:00:00:99"
"""A hardware address that no card has: what is sent there is lost, and nobody says so."""


def why_not() -> str | None:
    """Why there can be no network namespaces here; None when there can."""
    if shutil.which("ip") is None:
        return "iproute2's `ip` is missing (on Debian: apt-get install iproute2)"
    if os.geteuid() != 0:
        return "network namespaces need root"
    try:
        with Network(1):
            return None
    except subprocess.CalledProcessError as refused:
        return f"the kernel refuses network namespaces: {refused.stderr.decode().strip()}"


class Network:
    """``count`` namespaces, 60 at most."""

    def __init__(self, count: int) -> None:
        self.spaces = [Namespace(number) for number in range(count)]
        self._made = ExitStack()

    def __enter__(self) -> "Network":
        with ExitStack() as made:
            made.callback(_try_ip, "addr", "del", f"{SERVER}/32", "dev", "lo")
            _ip("addr", "replace", f"{SERVER}/32", "dev", "lo")
            for space in self.spaces:
                made.enter_context(space)
            self._made = made.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._made.close()


class Namespace:
    """One of them. ``prefix`` is what a command begins with that is to run inside."""

    def __init__(self, number: int) -> None:
        self.name = f"coatcheck-{os.getpid()}-{number}"
        self.prefix = ("ip", "netns", "exec", self.name)
        self._wire = f"cc{os.getpid() % 1_000_000}n{number}"
        self._here = f"192.0.2.{4 * number + 5}"
        self._there = f"192.0.2.{4 * number + 6}"
        self._hosts = Path("/etc/netns") / self.name

    def __enter__(self) -> "Namespace":
        try:
            self._make()
        except subprocess.CalledProcessError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        _try_ip("netns", "del", self.name)
        _try_ip("link", "del", self._wire)
        shutil.rmtree(self._hosts, ignore_errors=True)

    def _make(self) -> None:
        # What ``ip netns exec`` finds in this folder stands in for the file of that name in /etc.
        self._hosts.mkdir(parents=True)
        (self._hosts / "hosts").write_text(f"{SERVER} localhost\n")
        _ip("netns", "add", self.name)
        _ip("link", "add", self._wire, "type", "veth", "peer", "name", "wire", "netns", self.name)
        _ip("addr", "add", f"{self._here}/30", "dev", self._wire)
        _ip("link", "set", self._wire, "up")
        _ip("-n", self.name, "link", "set", "lo", "up")
        _ip("-n", self.name, "addr", "add", f"{self._there}/30", "dev", "wire")
        _ip("-n", self.name, "link", "set", "wire", "up")
        _ip("-n", self.name, "route", "add", "default", "via", self._here)

    @contextmanager
    def cut(self) -> Iterator[None]:
        """The wire is out until the block ends."""
        _ip("link", "set", self._wire, "down")
        try:
            yield
        finally:
            _ip("link", "set", self._wire, "up")

    @contextmanager
    def deaf(self) -> Iterator[None]:
        """Until the block ends nothing that is sent to it arrives, and nobody is told; what it sends does."""
        _ip("neigh", "replace", self._there, "lladdr", NOBODY, "dev", self._wire, "nud", "permanent")
        try:
            yield
        finally:
            _ip("neigh", "del", self._there, "dev", self._wire)

    @contextmanager
    def mute(self) -> Iterator[None]:
        """Until the block ends nothing that it sends arrives, and nobody is told."""
        _ip("-n", self.name, "neigh", "replace", self._here, "lladdr", NOBODY, "dev", "wire", "nud", "permanent")
        try:
            yield
        finally:
            _ip("-n", self.name, "neigh", "del", self._here, "dev", "wire")

    @contextmanager
    def black_hole(self) -> Iterator[None]:
        """Until the block ends nothing arrives in either direction, and nobody is told: no reset, no "unreachable"."""
        with self.deaf(), self.mute():
            yield


def _try_ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=False, capture_output=True, timeout=10)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=10)
