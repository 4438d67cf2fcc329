"""What runs around an ASGI application, whatever is started. ``tests/asgi/test_lifespan.py`` has it with an Auth."""

from typing import Any

import pytest

from coatcheck.lifespan import Message, Receive, Scope, Send, run_lifespan

pytestmark = pytest.mark.anyio


class Happenings(list[str]):
    """What happened, in order; ``fails`` lets the start go wrong."""

    fails = False

    async def start(self) -> None:
        self.append("start")
        if self.fails:
            raise OSError("no thread to be had")

    async def stop(self) -> None:
        self.append("stop")

    async def run(self, app: Any) -> None:
        asked = iter(("startup", "shutdown"))

        async def receive() -> Message:
            return {"type": f"lifespan.{next(asked)}"}

        async def send(message: Message) -> None:
            self.append(message["type"].removeprefix("lifespan."))

        await run_lifespan(app, self.start, self.stop, {"type": "lifespan"}, receive, send)


async def knows_it(scope: Scope, receive: Receive, send: Send) -> None:
    for done in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{done}.complete"})


async def knows_none(scope: Scope, receive: Receive, send: Send) -> None:
    raise KeyError("method")


async def gives_up(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.failed"})
    raise RuntimeError("no disk")


async def covers_up(scope: Scope, receive: Receive, send: Send) -> None:
    try:
        await receive()
    except OSError:
        return


@pytest.mark.parametrize("app", [knows_it, knows_none])
async def test_it_starts_first_and_stops_before_the_last_answer(app: Any) -> None:
    happened = Happenings()
    await happened.run(app)
    assert happened == ["start", "startup.complete", "stop", "shutdown.complete"]


async def test_it_stops_when_the_application_does_not_start() -> None:
    happened = Happenings()
    with pytest.raises(RuntimeError, match="no disk"):
        await happened.run(gives_up)
    assert happened == ["start", "stop", "startup.failed"]


@pytest.mark.parametrize("app", [knows_it, knows_none])
async def test_a_start_that_fails_is_told_to_the_server(app: Any) -> None:
    happened = Happenings()
    happened.fails = True
    with pytest.raises(OSError, match="no thread"):
        await happened.run(app)
    assert happened == ["start", "startup.failed"]


async def test_a_start_that_failed_is_never_answered_as_complete() -> None:
    happened = Happenings()
    happened.fails = True
    await happened.run(covers_up)
    assert happened == ["start", "startup.failed"]
