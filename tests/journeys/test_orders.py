"""Two programs, as docs/verifying.md prints them: the server where people log in, and one that only trusts it."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from coatcheck import Auth, Settings
from coatcheck.model.bound import bound
from coatcheck.tokens.base64url import decode
from coatcheck.tokens.claims import read_claims
from tests.serving import PASSWORD, free_port
from tests.surface.documents import ROOT, blocks

PROGRAMS = ("auth_server", "make_secret", "orders")
W = bound(5_000, 0.1)


@dataclass
class Programs:
    """Both, running."""

    folder: Path
    server: subprocess.Popen[bytes]
    orders: subprocess.Popen[bytes]
    server_port: int
    orders_port: int

    def register(self, email: str) -> str:
        """Make an account; return an access token for ``orders``."""
        body = {"email": email, "password": PASSWORD, "carry": "tokens", "audience": "orders"}
        status, said = ask("POST", f"http://localhost:{self.server_port}/auth/api/register", body)
        assert status == 201, said
        return str(said["access_token"])

    def order(self, token: str, method: str = "GET", path: str = "orders") -> tuple[int, dict[str, Any]]:
        """Ask the service."""
        return ask(method, f"http://localhost:{self.orders_port}/{path}", token=token)

    def end(self, token: str) -> Any:
        """End the login behind ``token`` everywhere, as the server's own code would; return the receipt."""
        claims = read_claims(decode(token.split(".")[1].encode()))

        async def end() -> Any:
            settings = Settings(
                database=f"sqlite:///{self.folder / 'coatcheck.db'}", url=f"http://localhost:{self.server_port}"
            )
            auth = Auth(settings)
            await auth.open()
            try:
                return await auth.end_session(claims.sub, claims.sid, wait=True)
            finally:
                await auth.stop()

        return asyncio.run(end())


def ask(method: str, url: str, body: Any = None, token: str | None = None) -> tuple[int, dict[str, Any]]:
    headers = {"content-type": "application/json"} if body is not None else {}
    if token is not None:
        headers["authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310 - our own servers
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as refused:
        return refused.code, json.loads(refused.read())


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Programs]:
    folder = tmp_path_factory.mktemp("orders")
    server_port, orders_port = free_port(), free_port()
    for name, code in zip(PROGRAMS, blocks("docs/verifying.md", "python"), strict=False):
        (folder / f"{name}.py").write_text(code.replace("localhost:8000", f"localhost:{server_port}"))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COATCHECK_")}
    environment["PYTHONWARNINGS"] = "error"
    secret = subprocess.run(
        [sys.executable, "make_secret.py"], cwd=folder, env=environment, capture_output=True, text=True, check=True
    ).stdout.strip()

    def serve(app: str, port: int) -> subprocess.Popen[bytes]:
        with (folder / f"{app}.output").open("wb") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "uvicorn", f"{app}:app", "--port", str(port), "--log-level", "warning"],
                cwd=folder,
                env={**environment, "ORDERS_SECRET": secret},
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    running = [serve("auth_server", server_port), serve("orders", orders_port)]
    programs = Programs(folder, *running, server_port, orders_port)
    try:
        for url in (f"http://localhost:{server_port}/auth/readyz", f"http://localhost:{orders_port}/healthz"):
            wait_for(url)
        yield programs
    finally:
        for process in running:
            process.send_signal(signal.SIGCONT)
            process.terminate()
        for process in running:
            process.wait(20)
    for name in ("auth_server", "orders"):
        said = (folder / f"{name}.output").read_text()
        assert "Traceback" not in said, said
        assert secret not in said


def wait_for(url: str) -> None:
    ends = time.monotonic() + 120
    while time.monotonic() < ends:
        try:
            if ask("GET", url)[0] == 200:
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(url)


def test_the_page_prints_the_programs_of_the_examples() -> None:
    for name, code in zip(PROGRAMS, blocks("docs/verifying.md", "python"), strict=False):
        assert code == f"# {name}.py\n" + (ROOT / f"examples/orders/{name}.py").read_text()


def test_a_login_at_the_server_is_good_at_the_service(programs: Programs) -> None:
    token = programs.register("ann@example.com")
    status, said = programs.order(token)
    assert (status, list(said)) == (200, ["orders of"])
    assert programs.order(token, "DELETE", "orders/7")[1]["code"] == "access.denied"
    assert programs.order("nonsense")[1]["code"] == "token.invalid"
    assert ask("GET", f"http://localhost:{programs.orders_port}/healthz")[1] == {"fresh": True}


def test_when_the_receipt_names_the_service_its_next_call_is_refused(programs: Programs) -> None:
    for turn in range(5):
        token = programs.register(f"person{turn}@example.com")
        assert programs.order(token)[0] == 200
        receipt = programs.end(token)
        assert (receipt.waited_out, receipt.unbound) == ((), ())
        assert [name for name in receipt.confirmed if name.startswith("orders ")] == [
            f"orders {os.uname().nodename}:{programs.orders.pid}"
        ]
        status, said = programs.order(token)
        assert (status, said["code"]) == (401, "session.ended")


def test_cut_off_from_its_server_it_puts_off_within_the_lease_and_goes_on_by_itself(programs: Programs) -> None:
    token = programs.register("bob@example.com")
    assert programs.order(token)[0] == 200
    programs.server.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    statuses: list[tuple[float, int]] = []
    while time.monotonic() - began < W + 3:
        asked_at = time.monotonic() - began
        statuses.append((asked_at, programs.order(token)[0]))
        time.sleep(0.05)
    assert {status for _, status in statuses} == {200, 503}
    assert {status for at, status in statuses if at >= W} == {503}
    assert {status for at, status in statuses if at < 2} == {200}
    programs.server.send_signal(signal.SIGCONT)
    back = time.monotonic()
    while programs.order(token)[0] != 200:
        assert time.monotonic() - back < 60
        time.sleep(0.05)


def test_a_service_that_ends_leaves_no_registration(programs: Programs) -> None:
    programs.orders.terminate()
    assert programs.orders.wait(20) is not None
    token = programs.register("cyd@example.com")
    assert not [name for name in programs.end(token).confirmed if name.startswith("orders ")]
