"""The short blocks of docs/verifying.md do what it says; its programs are run in tests/journeys/test_orders.py."""

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from coatcheck.verify.wsgi import KEY, answer
from tests.surface.documents import ROOT, blocks, text_of
from tests.verify.site import Site, trusting

PROGRAMS, ASGI, WSGI = 3, 3, 4


def run(number: int) -> dict[str, Any]:
    """The names that a block of the page leaves behind."""
    names: dict[str, Any] = {}
    exec(blocks("docs/verifying.md", "python")[number], names)  # noqa: S102 - that is what is tested
    return names


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with trusting() as running:
        yield running


def test_each_block_is_here() -> None:
    assert len(blocks("docs/verifying.md", "python")) == PROGRAMS + 2


def test_the_asgi_application_knows_who_asks(site: Site) -> None:
    held = site.log_in()
    with TestClient(run(ASGI)["application_with"](site.verifier())) as client:
        assert client.get("/", headers={"authorization": f"Bearer {held.token}"}).text == held.user_id
        assert client.get("/").json()["code"] == "token.missing"


def test_the_wsgi_application_knows_who_asks(site: Site) -> None:
    held = site.log_in()
    application = run(WSGI)["application_with"](site.verifier())
    environ = {"REQUEST_METHOD": "GET", "wsgi.input": io.BytesIO(), "HTTP_AUTHORIZATION": f"Bearer {held.token}"}
    assert b"".join(application(environ, lambda *_: None)) == held.user_id.encode()
    assert KEY in environ
    assert callable(answer)


# -- what a Verifier brings along --------------------------------------------------------------------------------------

HEAVY = {"alembic", "argon2", "click", "fastapi", "httptools", "jinja2", "rich", "sqlalchemy", "starlette", "uvicorn"}


@pytest.mark.parametrize("module", ["coatcheck.verify", "coatcheck.verify.asgi", "coatcheck.verify.wsgi"])
def test_a_verifier_loads_no_driver_no_hashing_and_no_framework(module: str) -> None:
    code = f"import sys, json, {module}; print(json.dumps(sorted(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    loaded = set(json.loads(out))
    assert not {name.partition(".")[0] for name in loaded} & HEAVY
    ours = {".".join(name.split(".")[:2]) for name in loaded if name.startswith("coatcheck.")}
    assert not ours & {
        f"coatcheck.{room}" for room in ("auth", "cli", "flows", "passwords", "sessions", "settings", "stores", "web")
    }


def test_the_base_installation_has_what_a_verifier_needs() -> None:
    declared = text_of("pyproject.toml").partition("dependencies = [")[2].partition("]")[0]
    assert sorted(name.strip(' ",\n').partition(">")[0] for name in declared.splitlines() if name.strip()) == [
        "cryptography",
        "msgspec",
        "urllib3",
    ]
