"""What Prometheus asks: a small ASGI application, to be mounted where the public can't reach it."""

from collections.abc import Awaitable, Callable
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from starlette.types import Receive, Scope, Send

from coatcheck.carriers.raw import RawHeader, values_of
from coatcheck.errors import Misconfigured
from coatcheck.metrics.meter import Meter
from coatcheck.metrics.reading import Reading, Value
from coatcheck.metrics.together import alone
from coatcheck.problems import NOT_STORED

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from coatcheck.auth import Auth

_ALLOW: Final[RawHeader] = (b"allow", b"GET, HEAD")


class MetricsEndpoint:
    """Answers GET and HEAD with what ``read`` returns, and with what ``also`` has of the application's own.

    Raises Misconfigured without the extra ``metrics``.
    """

    def __init__(self, read: Callable[[], Awaitable[Reading]], also: "CollectorRegistry | None" = None) -> None:
        try:
            from coatcheck.metrics.exposition import written
        except ImportError as missing:
            raise Misconfigured(f"metrics need the extra coatcheck[metrics] ({missing.name} is missing)") from missing
        self._read = read
        self._also = also
        self._written = written
        self._version = Value("coatcheck_build_info", (version("coatcheck"),), 1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Answer one request."""
        if scope["type"] != "http":
            return
        status, body, headers = 405, b"", [_ALLOW]
        if scope["method"] in ("GET", "HEAD"):
            accepted = b",".join(values_of(scope["headers"], b"accept")).decode("latin-1")
            reading = (await self._read()).plus(Reading((self._version,)))
            body, content_type = self._written(reading, accepted, self._also)
            status, headers = 200, [(b"content-type", content_type.encode("ascii")), NOT_STORED]
        headers.append((b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


class Metrics(MetricsEndpoint):
    """The metrics of ``auth`` in this process, as an ASGI application. Make it before ``auth`` is started.

    It asks nobody who they are: mount it where only Prometheus comes, on a port of its own. Several processes have one
    each. ``also`` is a registry with the application's own metrics, to be told in the same answer.

    Raises Misconfigured when ``auth`` runs already, and without the extra ``metrics``.
    """

    def __init__(self, auth: "Auth", *, also: "CollectorRegistry | None" = None) -> None:
        meter = Meter(auth)

        async def read() -> Reading:
            mine = alone(meter.read())
            return mine.plus(await meter.read_store()) if auth.parts else mine

        super().__init__(read, also)
