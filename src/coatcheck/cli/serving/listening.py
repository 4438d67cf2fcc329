"""The socket a server listens on, bound before anything else starts, so that a busy port is said plainly."""

import socket
from typing import Final

import click

from coatcheck.errors import Misconfigured

_BACKLOG: Final = 2048

port_option: Final = click.option(
    "--port",
    type=click.IntRange(1, 65_535),
    metavar="NUMBER",
    default=8000,
    envvar="PORT",
    show_default=True,
    show_envvar=True,
    help="The port to listen on.",
)


def address_of(text: str) -> tuple[str, int]:
    """``HOST:PORT`` in its parts; an IPv6 address stands in brackets. Raises click.BadParameter for anything else."""
    host, _, port = text.rpartition(":")
    if not host or not (port.isascii() and port.isdecimal()) or not 1 <= int(port) <= 65_535:
        raise click.BadParameter("say it like 127.0.0.1:9464")
    return host.removeprefix("[").removesuffix("]"), int(port)


def listen(host: str, port: int, *, otherwise: str) -> socket.socket:
    """Bind and listen. ``otherwise`` is the command that uses another port. Raises Misconfigured when it can't be
    had."""
    bound = bind(host, port, otherwise=otherwise)
    begin(bound, otherwise=otherwise)
    return bound


def bind(host: str, port: int, *, otherwise: str) -> socket.socket:
    """Take the port, and refuse connections until ``begin``. Raises Misconfigured when it can't be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        # What is accepted inherits this. Head and body of an answer are sent one after the other: without it the body
        # waits until the client has acknowledged the head, which clients put off for 40 ms.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as fault:
        listener.close()
        raise _taken(host, port, fault, otherwise) from None
    listener.setblocking(False)
    return listener


def begin(bound: socket.socket, *, otherwise: str) -> None:
    """Let connections in. Raises Misconfigured when somebody else has begun meanwhile."""
    try:
        bound.listen(_BACKLOG)
    except OSError as fault:
        host, port = bound.getsockname()[:2]
        bound.close()
        raise _taken(host, port, fault, otherwise) from None


def _taken(host: str, port: int, fault: OSError, otherwise: str) -> Misconfigured:
    reason = (fault.strerror or str(fault)).lower()
    return Misconfigured(f"port {port} on {host} can't be used ({reason}); try another: {otherwise}")
