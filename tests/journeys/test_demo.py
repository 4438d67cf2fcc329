"""``coatcheck demo``: up in a moment, everything works, gone without a trace."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from tests.serving import coatcheck, free_port


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_demo_starts_works_and_leaves_nothing(number: signal.Signals, tmp_path: Path) -> None:
    port = free_port()
    with subprocess.Popen(
        coatcheck("demo"),
        env={"PORT": str(port), "TMPDIR": str(tmp_path), "PATH": "/usr/bin:/bin"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as demo:
        assert demo.stdout is not None
        said = ""
        while "Ctrl-C ends it." not in said:
            line = demo.stdout.readline()
            assert line, said
            said += line
        people = dict(re.findall(r"^(\S+@example\.com)  (\S+)$", said, re.MULTILINE))
        assert list(people) == ["admin@example.com", "ann@example.com", "ben@example.com", "cleo@example.com"]
        assert max(map(len, said.splitlines())) <= 80

        with httpx2.Client(base_url=f"http://127.0.0.1:{port}/auth") as client:
            assert client.get("/login").status_code == 200
            for email, password in people.items():
                body = {"email": email, "password": password, "carry": "tokens"}
                login = client.post("/api/login", json=body).json()
                bearer = {"authorization": f"Bearer {login['access_token']}"}
                assert client.get("/api/me", headers=bearer).json()["user"]["email"] == email
                may_administer = client.get("/api/admin/users", headers=bearer).status_code == 200
                assert may_administer == (email == "admin@example.com")

        demo.send_signal(number)
        rest = demo.stdout.read()
        assert demo.wait(60) == 0
    assert rest.strip() == "Ended. Nothing is left behind."
    assert list(tmp_path.iterdir()) == []


def test_it_ends_cleanly_while_it_is_still_starting(tmp_path: Path) -> None:
    with subprocess.Popen(
        coatcheck("demo"),
        env={"PORT": str(free_port()), "TMPDIR": str(tmp_path), "PATH": "/usr/bin:/bin"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as demo:
        while not list(tmp_path.iterdir()):
            assert demo.poll() is None
        demo.send_signal(signal.SIGTERM)
        said, _ = demo.communicate(timeout=30)
    assert demo.returncode == 0, said
    assert "Traceback" not in said
    assert list(tmp_path.iterdir()) == []


INTERRUPTED_AT_THE_WORST_MOMENTS = """
import os, shutil, signal, tempfile
from coatcheck.cli.demo import command

make, remove = tempfile.mkdtemp, shutil.rmtree

def make_and_be_interrupted(**named):
    folder = make(**named)
    os.kill(os.getpid(), signal.SIGTERM)
    return folder

def be_interrupted_and_remove(folder, **named):
    os.kill(os.getpid(), signal.SIGHUP)
    remove(folder, **named)

tempfile.mkdtemp, shutil.rmtree = make_and_be_interrupted, be_interrupted_and_remove
command([])
"""


def test_it_leaves_nothing_when_it_is_interrupted_while_its_folder_is_made_and_removed(tmp_path: Path) -> None:
    demo = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_AT_THE_WORST_MOMENTS],
        env={"PORT": str(free_port()), "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert demo.stdout.strip() == "Ended. Nothing is left behind."
    assert list(tmp_path.iterdir()) == []
