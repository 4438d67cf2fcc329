"""A client that keeps its connection and notes when it asked, for stories in which servers come and go."""

import http.client
import json
import select
import ssl
import time
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

PATIENCE = 15.0


class Answer(NamedTuple):
    """What came back. ``status`` is None when nothing did: then it is not known what became of the request. Times are
    monotonic, in seconds."""

    status: int | None
    body: dict[str, Any]
    cookies: tuple[str, ...]
    began: float
    ended: float

    @property
    def is_trouble(self) -> bool:
        """Neither yes nor no: nothing, or an error of a server or of the proxy before it."""
        return self.status is None or self.status >= 500


class Door:
    """One client's way to ``url``, a proxy or a server. Not to be shared by threads."""

    def __init__(self, url: str, *, origin: str, trusted: ssl.SSLContext | None = None) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        self._connection = (
            http.client.HTTPConnection(parts.hostname, parts.port, timeout=PATIENCE)
            if trusted is None
            else http.client.HTTPSConnection(parts.hostname, parts.port, timeout=PATIENCE, context=trusted)
        )
        self._origin = origin

    def ask(self, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None) -> Answer:
        """One request below ``/auth/``; a text is sent as a form, anything else as JSON."""
        is_form = isinstance(body, str)
        told = {
            "Content-Type": "application/x-www-form-urlencoded" if is_form else "application/json",
            "Origin": self._origin,
            **(headers or {}),
        }
        sent = None if body is None else body if is_form else json.dumps(body)
        began = time.monotonic()
        try:
            self._drop_if_closed()
            is_used = self._connection.sock is not None
            try:
                self._connection.request(method, f"/auth/{path}", sent, told)
                response = self._connection.getresponse()
            except ConnectionError:
                if not is_used or method != "GET":
                    raise
                # A proxy that reloads closes idle connections, this one in the same moment: RFC 9112 section 9.3.1.
                self._connection.close()
                self._connection.request(method, f"/auth/{path}", sent, told)
                response = self._connection.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            return Answer(None, {}, (), began, time.monotonic())
        kind, cookies = response.headers.get("content-type", ""), response.headers.get_all("set-cookie", [])
        said = json.loads(text) if text and "json" in kind else {}
        return Answer(response.status, said, tuple(cookies), began, time.monotonic())

    def _drop_if_closed(self) -> None:
        """Open another connection where the other side has closed the idle one, as every client does."""
        if self._connection.sock is not None and select.select([self._connection.sock], [], [], 0)[0]:
            self._connection.close()

    def close(self) -> None:
        """Hang up; the next question opens another connection."""
        self._connection.close()
