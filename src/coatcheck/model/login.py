"""What logging in gives: who it is, which session, and what the client gets to hold."""

from datetime import datetime

from msgspec import Struct, structs

from coatcheck.model.receipt import Receipt
from coatcheck.model.session import Session
from coatcheck.model.user import User


class Credentials(Struct, frozen=True, kw_only=True):
    """Tokens for one client, as ``carry`` asked. Which of them travels in a cookie is for the web to know.

    ``access_expires_at`` is the end of the access token, ``expires_at`` that of the session and so of everything else.
    """

    session_token: str | None = None
    access_token: str | None = None
    refresh_token: str | None = None
    access_expires_at: datetime | None = None
    expires_at: datetime
    device_token: str | None = None

    def __repr__(self) -> str:
        return "Credentials(…)"


class Login(Struct, frozen=True, kw_only=True):
    """A login, new or renewed: who, which session, and what the client gets to hold.

    ``receipt`` is set when the change that it brought was waited for.
    """

    user: User
    session: Session
    credentials: Credentials
    receipt: Receipt | None = None

    def with_device_token(self, token: str) -> "Login":
        """The same, with the proof that lets this device be recognised at its next login."""
        return structs.replace(self, credentials=structs.replace(self.credentials, device_token=token))
