"""The socket a server listens on, bound before anything else starts, so that a busy port is said plainly."""

import socket

from coatcheck.errors import Misconfigured


def listen(host: str, port: int, *, otherwise: str) -> socket.socket:
    """Bind and listen. ``otherwise`` is the command that uses another port. Raises Misconfigured when it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as fault:
        listener.close()
        raise Misconfigured(
            f"port {port} on {host} can't be used ({(fault.strerror or str(fault)).lower()}); "
            f"try another: {otherwise}"
        ) from None
    listener.listen(2048)
    listener.set_inheritable(True)
    return listener
