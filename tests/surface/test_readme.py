"""README.md does what it says: the application as printed under uvicorn, the curl story against the demo."""

import ast
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from time import monotonic, sleep

import httpx2
import pytest

from coatcheck import Auth
from tests.serving import free_port
from tests.site import PASSWORD
from tests.surface.documents import blocks, text_of
from tests.web.document import Document

BIN = Path(sys.executable).parent


@contextmanager
def running(command: list[str], folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process until the block ends, told to end as Ctrl-C does. Its temporary files lie in ``folder``."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COATCHECK_")}
    environment |= {"TMPDIR": str(folder), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)


def answers_at(url: str) -> None:
    """Wait until something answers there."""
    deadline = monotonic() + 30
    while True:
        try:
            httpx2.get(url)
        except httpx2.TransportError:
            assert monotonic() < deadline, f"nothing answers at {url}"
            sleep(0.02)
        else:
            return


def test_the_application_is_the_one_in_examples():
    printed, kept = blocks("README.md", "python")[0], text_of("examples/fastapi_app.py")
    body = ast.parse(kept).body[1:]  # without its docstring
    assert ast.dump(ast.parse(printed)) == ast.dump(ast.Module(body, []))


@pytest.mark.slow
@pytest.mark.anyio
async def test_the_application_as_printed_runs_under_uvicorn(tmp_path):
    (tmp_path / "app.py").write_text(blocks("README.md", "python")[0], encoding="utf-8")
    url = f"http://127.0.0.1:{(port := free_port())}"
    with running([str(BIN / "uvicorn"), "app:app", "--port", str(port)], tmp_path) as server:
        answers_at(f"{url}/auth/readyz")
        async with httpx2.AsyncClient(base_url=url) as http, Auth(f"sqlite:///{tmp_path}/app.db") as auth:
            assert (await http.get("/me")).json()["code"] == "token.missing"
            asked = {"email": "ann@example.com", "password": PASSWORD, "carry": "header"}
            said = (await http.post("/auth/api/register", json=asked)).json()
            http.headers["authorization"] = f"Bearer {said['session_token']}"
            me = (await http.get("/me")).json()
            assert me["user"] == said["user"]["id"]
            assert datetime.fromisoformat(me["signed in"]) == datetime.fromisoformat(
                said["session"]["authenticated_at"]
            )
            assert (await http.delete("/orders/7")).json()["code"] == "access.denied"
            await auth.set_roles(me["user"], ("admin",), wait=True)
            assert (await http.delete("/orders/7")).json() == {"deleted": "7", "by": me["user"]}
            receipt = await end_from_own_code(auth, me["user"])
            assert len(receipt.confirmed) == 2
            assert (await http.get("/me")).json()["code"] == "session.ended"
            assert "/auth/api/login" in (await http.get("/openapi.json")).json()["paths"]
            assert (await http.get("/auth/register")).status_code == (await http.get("/docs")).status_code == 200
    assert server.returncode == 0


async def end_from_own_code(auth: Auth, user_id: str):
    """The second block of the README, as printed."""
    printed = "".join(f"    {line}\n" for line in blocks("README.md", "python")[1].splitlines())
    names: dict = {}
    exec(f"async def end(auth, user_id):\n{printed}    return receipt\n", names)  # noqa: S102 - that is what is tested
    return await names["end"](auth, user_id)


@pytest.mark.slow
def test_the_curl_story_goes_as_told(tmp_path):
    if shutil.which("curl") is None:
        pytest.skip("there is no curl here")
    port = free_port()
    first, second = blocks("README.md", "sh")
    folder = tmp_path / "temporary"
    folder.mkdir()
    with running([str(BIN / "coatcheck"), "demo", "--port", str(port)], folder) as demo:
        people = people_of(demo)
        assert [email.partition("@")[0] for email in people] == ["admin", "ann", "ben", "cleo"]
        email, password = "ann@example.com", people["ann@example.com"]
        printed = "EMAIL=ann@example.com\nPASSWORD=...\nAUTH=http://127.0.0.1:8000/auth\n"
        assert printed in first
        auth = f"http://127.0.0.1:{port}/auth"
        ours = f"EMAIL={email}\nPASSWORD={password}\nAUTH={auth}\n"
        before = shell(first.replace(printed, ours) + 'printf "\\ntoken %s" "$TOKEN"\n')
        assert "HTTP/1.1 200 OK" in before
        token = before.rpartition("token ")[2]
        end_on_the_account_page(auth, email, password, device="my script")
        after = shell(f"AUTH={auth}\nTOKEN={token}\n{second}")
        assert "HTTP/1.1 401 Unauthorized" in after
        assert '"code":"session.ended"' in after
    assert demo.returncode == 0
    assert list(folder.iterdir()) == []


def people_of(demo: subprocess.Popen[str]) -> dict[str, str]:
    """Read the demo's welcome: passwords by e-mail."""
    assert demo.stdout is not None
    welcome = ""
    for line in demo.stdout:
        welcome += line
        if line.startswith("Ctrl-C"):
            break
    return dict(re.findall(r"^(\S+@\S+)  (\S+)$", welcome, re.MULTILINE))


def shell(commands: str) -> str:
    done = subprocess.run(["sh", "-eu"], input=commands, capture_output=True, text=True, timeout=30, check=True)
    return done.stdout


def end_on_the_account_page(auth: str, email: str, password: str, *, device: str) -> None:
    """Do with forms what a person does with a browser."""
    with httpx2.Client(headers={"origin": auth.removesuffix("/auth")}, follow_redirects=True) as browser:
        page = browser.post(f"{auth}/login", data={"email": email, "password": password})
        assert page.url.path == "/auth/account"
        row = next(row for row in page.text.split("<li") if device in row and "/end" in row)
        action = re.search(r'action="([^"]+/end)"', row)
        assert action is not None
        done = browser.post(httpx2.URL(auth).join(action[1]))
        assert done.url.path == "/auth/account"
        notice = Document(done.text).elements[0].text
        assert re.search(r"1 checker confirmed", notice), notice
        assert action[1] not in done.text
