"""The example that the project is introduced with runs as it is printed."""

import importlib
import sys

import pytest
from fastapi.testclient import TestClient

PASSWORD = "three quiet herons wade"
BROWSER = {"origin": "http://localhost:8000"}


@pytest.fixture
def client(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sys.modules.pop("examples.fastapi_app", None)
    app = importlib.import_module("examples.fastapi_app").app
    with TestClient(app, base_url="http://localhost:8000", headers=BROWSER) as client:
        yield client


def test_somebody_registers_on_the_page_and_is_known_to_the_application(client):
    form = {"name": "Ann", "email": "ann@example.com", "password": PASSWORD}
    answer = client.post("/auth/register", data=form, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/auth/account")
    me = client.get("/me").json()
    assert me["user"].startswith("usr_")
    assert "signed in" in me
    assert client.delete("/orders/7").json()["code"] == "access.denied"
    client.post("/auth/logout")
    assert client.get("/me").status_code == 401
