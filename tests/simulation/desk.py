"""Where a simulated server answers services that have no store: the real feed, without a socket."""

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, unquote

from msgspec import json

from coatcheck.auth.feed import Feed
from coatcheck.auth.services import Services
from coatcheck.errors import AuthError
from coatcheck.feed import FeedQuestion
from coatcheck.model.client import Client
from coatcheck.tokens.derivation import Secrets
from coatcheck.verify.http import Answered
from coatcheck.web.api.feed import follow, leave
from coatcheck.web.api.introspect import IntrospectForm, introspect

if TYPE_CHECKING:
    from tests.simulation.process import Process
    from tests.simulation.remote import Exchange

_OLD: Final = "an older secret of the simulated world, long enough"
_NEW: Final = "the newer secret of the simulated world, long enough"

CLIENT: Final = Client(address="192.0.2.9")
STAGES: Final = (Secrets([_OLD]), Secrets([_OLD, _NEW]), Secrets([_NEW, _OLD]), Secrets([_NEW]))
"""How a secret is replaced. Every server goes from one to the next in its own time, some may skip one."""


class Desk:
    """One server's side of the feed. What ``coatcheck.auth`` joins in an application is joined by hand here."""

    def __init__(self, process: "Process") -> None:
        self.process = process
        self.secrets = STAGES[process.world.stage]
        self.exchanges: dict[Exchange, None] = {}  # in order: a schedule is the same every time
        self._feed: Feed | None = None

    @property
    def feed(self) -> Feed:
        """The feed, made when it is first needed."""
        if self._feed is None:
            opened: Any = _Opened(self)
            self._services = Services(opened)
            self._feed = Feed(opened, self._services)
        return self._feed

    @property
    def is_open(self) -> bool:
        """Whether a request would be sent here."""
        process = self.process
        return not (process.loop.is_dead or process.is_leaving or process.is_forked or process.is_starting)

    def receive(self, exchange: "Exchange") -> None:
        """A request has arrived."""
        self.exchanges[exchange] = None
        self.process.world.launch(self.process, self._serve, exchange)

    def fall_silent(self) -> None:
        """The process has died: whoever is connected notices, or not."""
        for exchange in list(self.exchanges):
            exchange.break_off()
        self.exchanges.clear()

    async def _serve(self, exchange: "Exchange") -> None:
        exchange.gone = self.process.loop.create_future()
        answered = await self._answer(exchange)
        self.exchanges.pop(exchange, None)
        exchange.answer(answered)

    async def _answer(self, exchange: "Exchange") -> Answered:
        feed, services = self.feed, self._services
        call: Any = SimpleNamespace(
            installation=SimpleNamespace(
                auth=SimpleNamespace(feed=feed, services=services, settings=self.process.means.settings)
            ),
            headers=[(name.encode(), value.encode()) for name, value in exchange.headers.items()],
            path={"registration": unquote(exchange.path.rpartition("/")[2])},
            client=lambda: CLIENT,
            gone=exchange.wait_until_gone,
        )
        body = exchange.body or b""
        try:
            if exchange.path == "api/introspect":
                call.form = IntrospectForm(**dict(parse_qsl(body.decode())))
                reply = await introspect(call)
            elif exchange.method == "POST":
                call.body = json.decode(body, type=FeedQuestion)
                reply = await follow(call)
            else:
                reply = await leave(call)
        except AuthError as fault:
            return Answered(fault.status, b"{}")
        return Answered(reply.status or 200, b"" if reply.result is None else json.encode(reply.result))


class _Opened:
    """As much of an open Auth as the feed works with."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.running = desk.process
        means, policy = desk.process.means, desk.process.policy
        settings = replace(means.settings, revocation=replace(means.settings.revocation, policy=policy.value))
        self.ready = replace(means, settings=settings)
        self.authority = desk.process.authority

    @property
    def secrets(self) -> Secrets:
        return self._desk.secrets
