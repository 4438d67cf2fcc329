"""Where every connection comes in: what it brought is looked at when somebody asks, not before.

So a public route pays next to nothing, neither waits nor fails, and no answer about a caller is older than the
question.
"""

from typing import TypeAlias

from starlette.types import Scope

from coatcheck.asgi.additions import Clearing, Lacking, Renewing
from coatcheck.auth import Auth
from coatcheck.carriers.cookies import CookieNames
from coatcheck.carriers.origin import OriginRule
from coatcheck.carriers.presented import Presented, present
from coatcheck.checking.cache import Remembered
from coatcheck.checking.checker import Checker

Shown: TypeAlias = tuple[Presented, Remembered]
"""A credential, and what was decided about it."""


class Entrance:
    """One for all connections to an application. ``checker`` is None until ``auth`` was started.

    Raises Misconfigured when an origin in the settings is none.
    """

    __slots__ = ("_cookies", "_origins", "auth", "checker")

    def __init__(self, auth: Auth) -> None:
        settings = auth.settings
        self.auth = auth
        self.checker: Checker | None = None
        self._cookies = CookieNames.of(is_local=settings.is_local, port=settings.port, path=settings.web.path)
        self._origins = OriginRule((settings.origin, *settings.web.allowed_origins))

    def presented(self, scope: Scope, way_out: Lacking) -> Presented:
        """Return the credential that decides about the connection.

        Raises the CredentialRefused that fits when there is none, and OriginRefused for what another site caused with
        our cookie.
        """
        presented = present(scope["headers"], self._cookies)
        if not isinstance(presented, Presented):
            if presented.clear:
                way_out.addition = Clearing(presented.clear)
            raise presented.error
        if presented.cookie is not None and scope.get("method") != "GET":
            if scope["type"] == "websocket":
                self._origins.require_for_upgrade(scope["headers"])
            else:
                self._origins.require(scope["method"], scope["headers"])
        return presented

    async def settle(self, presented: Presented, way_out: Lacking) -> Remembered:
        """Decide about a credential that memory alone can't decide about.

        Raises the CredentialRefused that fits, and CheckingStale or StoreUnavailable when nothing can be decided now.
        """
        await self.auth.start()
        self.checker = self.auth.checker
        remembered = await self.auth.recall(presented.token, presented.carried_by)
        if presented.cookie is self._cookies.session:
            way_out.addition = Renewing(self.auth, presented, remembered, presented.cookie)
        return remembered
