"""One request for a page: who is looking, what the form says, and where to go afterwards."""

from datetime import datetime
from urllib.parse import quote

from coatcheck.auth import Auth
from coatcheck.errors import AccessDenied, CredentialRefused, ReauthenticationNeeded, SessionEnded
from coatcheck.model.expiry import needs_fresh_proof
from coatcheck.model.login import Login
from coatcheck.model.principal import Principal
from coatcheck.model.receipt import Receipt
from coatcheck.model.user import ADMINISTRATOR, User
from coatcheck.patience import Patience
from coatcheck.web.api.answering import clear_others, deliver
from coatcheck.web.api.call import Call
from coatcheck.web.pages.redirects import asked_path, safe_path
from coatcheck.web.pages.views import Site, Viewer
from coatcheck.web.receipts import receipt_sentence


class Visit:
    """A call to a page. ``query`` is the address's, ``fields`` are the form's, ``notice`` says what was just done.
    ``viewer`` is set once it is known who is looking; ``patience`` is for all that the visit asks a store.

    Has no repr of its own: it holds passwords and credentials.
    """

    __slots__ = ("call", "fields", "notice", "patience", "query", "site", "viewer")

    def __init__(self, call: Call, site: Site, query: bytes) -> None:
        self.call = call
        self.site = site
        self.query = query
        self.fields: dict[str, str] = {}
        self.notice = ""
        self.viewer: Viewer | None = None
        self.patience = Patience()

    @property
    def auth(self) -> Auth:
        """The installation's Auth."""
        return self.call.installation.auth

    @property
    def now(self) -> datetime:
        """The instant."""
        return self.call.now

    # -- who ----------------------------------------------------------------------------------------------------------

    async def who_if_any(self) -> Principal | None:
        """Whoever is logged in, or None."""
        try:
            return await self.who()
        except CredentialRefused:
            return None

    async def held_session(self) -> str | None:
        """The session that this browser holds already, which a new login ends; None when it holds none."""
        held = await self.who_if_any()
        return None if held is None else held.session_id

    async def who(self) -> Principal:
        """Whoever is logged in. Raises the CredentialRefused that fits, CheckingStale, StoreUnavailable."""
        if self.call.remembered is None:
            self.call.remembered = await self.call.check()
        return self.call.who

    async def user(self) -> User:
        """Whoever is logged in, as the store knows them now; the page's head then shows them. Raises as ``who``."""
        await self.who()
        user = await self.auth.get_user(self.call.user_id)
        if user is None:
            raise SessionEnded
        self.viewer = Viewer.of(user)
        return user

    async def administrator(self, *, fresh: bool = False) -> User:
        """The administrator who is looking; with ``fresh``, one who proved the password lately.

        Raises AccessDenied for anybody else, ReauthenticationNeeded.
        """
        user = await self.user()
        who = await self.who()
        if not who.has_role(ADMINISTRATOR):
            await self.auth.note_denied(who, "admin", client=self.call.client())
            raise AccessDenied("These pages are for administrators.")
        within = self.auth.settings.sessions.fresh_within
        if fresh and needs_fresh_proof(self.now, who.authenticated_at, within):
            raise ReauthenticationNeeded(within)
        return user

    # -- where --------------------------------------------------------------------------------------------------------

    def path(self, under: str) -> str:
        """A path of this site, from one under the mount path."""
        return self.site.path + under

    @property
    def asked(self) -> str:
        """Where the visitor wants to go in the end, or nothing: a safe path, from the form or the address."""
        if "return_to" in self.fields:
            return safe_path(self.fields["return_to"], "")
        return asked_path(self.query, "")

    def way_to(self, page: str, return_to: str) -> str:
        """The path of ``page`` that leads on to ``return_to``."""
        return f"{self.path(page)}?return_to={quote(return_to, safe='/')}"

    def cookies_for(self, login: Login) -> tuple[bytes, ...]:
        """What puts ``login`` into this browser, in place of every other."""
        delivery = deliver(self.call.installation, login, self.now)
        return delivery.cookies + clear_others(self.call, delivery)


def told(receipt: Receipt | None, done: str) -> str:
    """What was ``done``, and who has heard; just what was done where there was nothing to hear."""
    return done if receipt is None else receipt_sentence(receipt, done)
