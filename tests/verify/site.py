"""A server in this process, and a service ``orders`` that trusts it.

with trusting() as site:
    verifier = site.verifier()
    verifier.check(site.log_in("ann@example.com").token)
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from coatcheck.auth import Auth
from coatcheck.errors import AuthError
from coatcheck.model.service import Service
from coatcheck.model.session import Carry
from coatcheck.settings import TokenSettings
from coatcheck.testing import login_as
from coatcheck.verify import Verifier
from tests.server import Server, serving

AUDIENCE = "orders"


class Held(NamedTuple):
    """What a client holds, and whose it is."""

    token: str
    user_id: str
    session_id: str


@dataclass
class Site:
    """The running server, the service, and its secret."""

    server: Server
    service: Service
    secret: str
    verifiers: list[Verifier] = field(default_factory=list)

    @property
    def auth(self) -> Auth:
        """The server's."""
        return self.server.auth

    def verifier(self, **how: Any) -> Verifier:
        """A Verifier of this server, which is closed at the end."""
        chosen = {
            "audience": AUDIENCE,
            "credential": self.secret,
            "issuer": self.auth.settings.issuer,
            "name": "here",
            **how,
        }
        made = Verifier(chosen.pop("url", self.server.url), **chosen)
        self.verifiers.append(made)
        return made

    def log_in(self, who: str = "ann@example.com", *, carry: Carry = Carry.TOKENS, **how: Any) -> Held:
        """Log somebody in, with a token for ``orders``."""
        audience = how.pop("audience", AUDIENCE if carry.uses_refresh else None)
        login = self.server.run(login_as(self.auth, who, carry=carry, audience=audience, **how))
        return Held(login.headers["authorization"].removeprefix("Bearer "), login.user.id, login.session.id)

    def end(self, held: Held) -> list[str]:
        """End a login everywhere; return who confirmed."""
        receipt = self.server.run(self.auth.end_session(held.user_id, held.session_id, wait=True))
        assert receipt is not None
        assert receipt.waited_out == receipt.unbound == ()
        return list(receipt.confirmed)


@contextmanager
def trusting(*, audiences: tuple[str, ...] = (AUDIENCE,), **settings: Any) -> Iterator[Site]:
    """Serve an installation with one service until the block ends; ``audiences`` are the service's, where "issuer"
    stands for the server itself; ``settings`` are further fields of Settings."""
    chosen = {"tokens": TokenSettings(audiences=(AUDIENCE,)), **settings}
    with serving(**chosen) as server:
        own = [server.auth.settings.issuer if each == "issuer" else each for each in audiences]
        made = server.run(server.auth.services.create("orders", audiences=own, feed=True))
        site = Site(server, made.service, made.first.secret or "")
        try:
            yield site
        finally:
            for verifier in site.verifiers:
                verifier.close()


def refusal(verifier: Verifier, token: str, **how: Any) -> str:
    """The code with which a token is refused; "" where it is accepted."""
    try:
        verifier.check(token, **how)
    except AuthError as error:
        return error.code
    return ""
