"""Lets nginx send requests only to servers that are ready: nginx itself asks nobody.

python readiness.py --write /etc/nginx/servers.conf --nginx /run/nginx.pid 10.0.0.1:8000 10.0.0.2:8000

It asks every server's ``/auth/readyz`` twice a second. When an answer changes it writes the list that nginx includes,
and sends nginx SIGHUP. A server that is about to end says no some seconds before it stops answering (``--drain-for``),
so it gets no new requests by then. When nobody is ready the list stays as it was: then the trouble is not theirs.
"""

import argparse
import os
import signal
import time
from collections.abc import Iterable
from http.client import HTTPConnection, HTTPException
from pathlib import Path

PATIENCE = 2.0
"""Seconds."""


def is_ready(server: str) -> bool:
    """Whether ``server`` (``host:port``) says that it may get requests."""
    connection = HTTPConnection(server, timeout=PATIENCE)
    try:
        connection.request("GET", "/auth/readyz")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def listed(servers: Iterable[str], ready: set[str]) -> str:
    """What nginx includes."""
    return "".join(
        f"server {server} max_fails=1 fail_timeout=2s{'' if server in ready else ' down'};\n" for server in servers
    )


def main() -> None:
    """Look, and tell nginx, for ever."""
    parser = argparse.ArgumentParser(description="Lets nginx send requests only to servers that are ready.")
    parser.add_argument("--write", type=Path, required=True, help="the file that nginx includes")
    parser.add_argument("--nginx", type=Path, required=True, help="the file with the process id of nginx")
    parser.add_argument("--every", type=float, default=0.5, help="seconds")
    parser.add_argument("servers", nargs="+", metavar="HOST:PORT")
    asked = parser.parse_args()
    while True:
        ready = {server for server in asked.servers if is_ready(server)}
        text = listed(asked.servers, ready)
        if ready and text != asked.write.read_text(encoding="utf-8"):
            draft = asked.write.with_suffix(".new")
            draft.write_text(text, encoding="utf-8")
            draft.replace(asked.write)
            os.kill(int(asked.nginx.read_text(encoding="ascii")), signal.SIGHUP)
        time.sleep(asked.every)


if __name__ == "__main__":
    main()
