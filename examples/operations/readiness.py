"""Lets nginx send requests only to servers that are ready: nginx itself asks nobody.

python readiness.py --write /etc/nginx/servers.conf --nginx /run/nginx.pid 10.0.0.1:8000 10.0.0.2:8000

It runs beside nginx, as whoever may write that file and signal nginx, and asks all servers at once, twice a second.
When the answers change it writes the list that nginx includes, and sends nginx SIGHUP. A server that is about to end
says no some seconds before it stops answering (``--drain-for``), so it gets no new requests by then.

A server without its database or its lease says no to ``/auth/readyz?strict=true`` and yes to ``/auth/readyz``. It is
left out while half of all or more are well; otherwise the trouble is the database's, and all stay. When nobody says yes
to either, the list stays as it was.
"""

import argparse
import os
import signal
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import OK, HTTPConnection, HTTPException
from pathlib import Path

PATIENCE = 1.5
"""Seconds. With ``--every`` this is how long a round takes when a machine is gone; a server that ends drains for longer
than two rounds."""

GONE, WITHOUT_STORE, WELL = range(3)


def state(server: str) -> int:
    """How ``server`` (``host:port``) says it is."""
    answer = _status(server, "/auth/readyz?strict=true")
    if answer in (OK, None):
        return WELL if answer else GONE
    return WITHOUT_STORE if _status(server, "/auth/readyz") == OK else GONE


def _status(server: str, path: str) -> int | None:
    connection = HTTPConnection(server, timeout=PATIENCE)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, HTTPException):
        return None
    finally:
        connection.close()


def chosen(states: dict[str, int]) -> set[str]:
    """Who is to get requests."""
    well = {server for server, said in states.items() if said == WELL}
    answering = {server for server, said in states.items() if said != GONE}
    return well if 2 * len(well) >= len(answering) else answering


def listed(servers: Sequence[str], ready: set[str]) -> str:
    """What nginx includes."""
    return "".join(
        f"server {server} max_fails=1 fail_timeout=2s{'' if server in ready else ' down'};\n" for server in servers
    )


def write(file: Path, text: str) -> None:
    """Put ``text`` in place of the file, as a whole."""
    if file.exists() and file.read_text(encoding="utf-8") == text:
        return
    draft = file.with_suffix(".new")
    draft.write_text(text, encoding="utf-8")
    draft.replace(file)


def tell(pid_file: Path) -> None:
    """Send nginx SIGHUP. Raises OSError or ValueError when it does not run, and the number may be somebody else's."""
    pid = int(pid_file.read_text(encoding="ascii"))
    name = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
    if name != "nginx":
        raise ValueError(f"{pid} is {name}")
    os.kill(pid, signal.SIGHUP)


def main() -> None:
    """Look, and tell nginx, for ever."""
    parser = argparse.ArgumentParser(description="Lets nginx send requests only to servers that are ready.")
    parser.add_argument("--write", type=Path, required=True, help="the file that nginx includes")
    parser.add_argument("--nginx", type=Path, required=True, help="the file with the process id of nginx")
    parser.add_argument("--every", type=float, default=0.5, help="seconds")
    parser.add_argument("servers", nargs="+", metavar="HOST:PORT")
    asked = parser.parse_args()
    told = failure = ""
    with ThreadPoolExecutor(len(asked.servers)) as threads:
        while True:
            ready = chosen(dict(zip(asked.servers, threads.map(state, asked.servers), strict=True)))
            text = listed(asked.servers, ready)
            if ready and text != told:
                try:
                    write(asked.write, text)
                    tell(asked.nginx)
                    told, failure = text, ""
                except (OSError, ValueError) as fault:  # tried again with the next round; when nginx starts, it reads
                    if str(fault) != failure:
                        print(f"nginx was not told: {fault}", file=sys.stderr, flush=True)
                        failure = str(fault)
            time.sleep(asked.every)


if __name__ == "__main__":
    main()
