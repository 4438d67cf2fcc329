"""Who is asking, as FastAPI dependencies.

Each is a dependency (``Depends(current)``) and a plain call (``await current(request)``) in one. They are asynchronous
and have no dependencies of their own, since FastAPI takes longer to solve one than Coatcheck takes to decide; called
plainly, they cost nothing of that. A route that depends on one says so in the OpenAPI document.
"""

from datetime import timedelta
from typing import Final

from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase
from starlette.requests import HTTPConnection

from coatcheck import asgi
from coatcheck.model.principal import Principal

REQUIRED: Final = "coatcheck"
"""The security scheme that FastAPI writes for a route; ``openapi.py`` puts the carriers in its place."""
WELCOME: Final = "coatcheck-optional"
"""The same, for a route that is open to strangers too."""


class Guard(SecurityBase):
    """Lets a caller in and says who it is, or raises."""

    def __init__(self, ask: asgi.Guard) -> None:
        self.model = HTTPBearer()
        self.scheme_name = REQUIRED
        self._ask = ask

    async def __call__(self, request: HTTPConnection) -> Principal:
        """Ask about this request or WebSocket."""
        return await self._ask(request)


class Welcome(SecurityBase):
    """Says who is asking, or None: everybody may."""

    def __init__(self) -> None:
        self.model = HTTPBearer()
        self.scheme_name = WELCOME

    async def __call__(self, request: HTTPConnection) -> Principal | None:
        """Ask about this request or WebSocket."""
        return await asgi.optional(request)


current: Final = Guard(asgi.current)
"""Who is asking. Raises the CredentialRefused that fits, OriginRefused, CheckingStale, StoreUnavailable."""

optional: Final = Welcome()
"""Who is asking; None when nobody is, or not with a credential that counts. Raises CheckingStale, StoreUnavailable."""


def require(*, role: str | None = None, scope: str | None = None, fresh_within: timedelta | None = None) -> Guard:
    """Make a guard that lets a caller through only with ``role``, with ``scope``, and with a password proven no longer
    than ``fresh_within`` ago. It raises what ``current`` raises, AccessDenied and ReauthenticationNeeded."""
    return Guard(asgi.require(role=role, scope=scope, fresh_within=fresh_within))
