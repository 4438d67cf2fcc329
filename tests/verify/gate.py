"""A server whose answers to the services can be spoiled: it stands in front of the whole application."""

from collections.abc import Callable
from typing import Any

from coatcheck.auth import Auth
from coatcheck.web.app import build


class Gate:
    """``mode`` is what befalls requests: "" lets them through, "hang" never answers, anything else is what ``spoil``
    does. ``seen`` are the paths and headers that arrived."""

    def __init__(self) -> None:
        self.mode = ""
        self.seen: list[tuple[str, dict[bytes, bytes]]] = []
        self._app: Any = None

    def around(self) -> Callable[[Auth], Any]:
        """For ``tests.server.serving(make=…)``."""

        def make(auth: Auth) -> Any:
            self._app = build(auth)
            return self

        return make

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            self.seen.append((scope["path"], dict(scope["headers"])))
        if scope["type"] != "http" or not self.mode:
            await self._app(scope, receive, send)
        elif self.mode == "hang":
            while (await receive())["type"] != "http.disconnect":
                pass
        else:
            status, headers, body = _SPOILT[self.mode]
            named = [line for line in scope["headers"] if line[0] == b"coatcheck-question"]
            sent = [
                *headers,
                *(named if self.mode != "another question" else ()),
                (b"content-length", b"%d" % len(body)),
            ]
            await send({"type": "http.response.start", "status": status, "headers": sent})
            await send({"type": "http.response.body", "body": body})


_SPOILT: dict[str, tuple[int, list[tuple[bytes, bytes]], bytes]] = {
    "down": (503, [], b""),
    "another site": (404, [(b"content-type", b"text/html")], b"<p>nothing here"),
    "redirect": (307, [(b"location", b"http://127.0.0.1:9/stolen")], b""),
    "nonsense": (200, [(b"content-type", b"application/json")], b'{"registration": 7}'),
    "another question": (200, [(b"content-type", b"application/json")], b"{}"),
    "deep": (200, [(b"content-type", b"application/json")], b"[" * 100_000),
    "refused": (401, [(b"content-type", b"application/problem+json")], b"{}"),
}
