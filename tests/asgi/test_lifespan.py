"""Starting before the application and stopping after it."""

from contextlib import asynccontextmanager

import pytest
from starlette.applications import Starlette

from coatcheck.asgi import AuthMiddleware
from coatcheck.auth import Auth
from coatcheck.errors import Misconfigured
from coatcheck.settings import Settings
from coatcheck.testing import fast_passwords

pytestmark = pytest.mark.anyio


def new_auth(**settings):
    return Auth(Settings(**{"database": "memory:", "passwords": fast_passwords(), **settings}))


class Server:
    """A server's side of a lifespan."""

    def __init__(self, auth):
        self.auth = auth
        self.sent = []
        self.was_started = []
        self._asks = iter(["lifespan.startup", "lifespan.shutdown"])

    async def receive(self):
        return {"type": next(self._asks)}

    async def send(self, message):
        self.sent.append(message["type"])
        self.was_started.append(self.auth.is_started)

    async def run(self, app):
        await app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, self.receive, self.send)


async def test_it_runs_all_around_the_applications_own_lifespan():
    auth = new_auth()
    seen = []

    @asynccontextmanager
    async def lifespan(app):
        seen.append(auth.is_started)
        yield
        seen.append(auth.is_started)

    server = Server(auth)
    await server.run(AuthMiddleware(Starlette(lifespan=lifespan), auth))
    assert seen == [True, True]
    assert server.sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert server.was_started == [True, False]


async def ignores_lifespan(scope, receive, send):
    assert scope["type"] == "http"


async def returns_at_once(scope, receive, send):
    return None


@pytest.mark.parametrize("app", [ignores_lifespan, returns_at_once])
async def test_an_application_without_lifespan_is_answered_for(app):
    auth = new_auth()
    server = Server(auth)
    await server.run(AuthMiddleware(app, auth))
    assert server.sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert server.was_started == [True, False]


async def test_a_start_that_fails_is_reported_to_the_server():
    auth = new_auth(url="https://app.example.com")
    server = Server(auth)
    with pytest.raises(Misconfigured, match="secret"):
        await server.run(AuthMiddleware(Starlette(), auth))
    assert server.sent == ["lifespan.startup.failed"]


async def test_an_application_whose_own_start_fails_is_not_covered_up():

    @asynccontextmanager
    async def lifespan(app):
        raise RuntimeError("no disk")
        yield

    auth = new_auth()
    server = Server(auth)
    with pytest.raises(RuntimeError, match="no disk"):
        await server.run(AuthMiddleware(Starlette(lifespan=lifespan), auth))
    assert server.sent == ["lifespan.startup.failed"]
    assert not auth.is_started
