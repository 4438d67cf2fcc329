"""The Starlette example runs as it is."""

import importlib
import sys

import pytest
from starlette.testclient import TestClient


@pytest.fixture
def client(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sys.modules.pop("examples.starlette_app", None)
    app = importlib.import_module("examples.starlette_app").app
    with TestClient(app, base_url="http://localhost:8000", headers={"origin": "http://localhost:8000"}) as client:
        yield client


def test_somebody_registers_and_is_greeted(client):
    assert client.get("/").text == "Hello, stranger."
    assert client.get("/me").status_code == 401
    form = {"email": "ann@example.com", "password": "three quiet herons wade"}
    assert client.post("/auth/register", data=form).status_code == 200
    assert client.get("/").text.startswith("Hello, usr_")
    assert client.get("/me").json()["roles"] == []
