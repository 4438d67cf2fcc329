"""What goes back: a reply's body and cookies, and how a login is delivered to the client that asked for it.

Which token travels in which way is the contract's table, and it is here once (``deliver``).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from msgspec import UNSET, Raw, Struct, UnsetType

from coatcheck.carriers.cookies import Cookie, clear, find, write
from coatcheck.carriers.raw import RawHeader, values_of
from coatcheck.model.login import Login
from coatcheck.model.receipt import Receipt
from coatcheck.model.session import Carry, Session
from coatcheck.model.user import ADMINISTRATOR, User
from coatcheck.web.api.call import Call
from coatcheck.web.api.shapes import (
    ListedSession,
    ReceiptAnswer,
    ReceiptShape,
    SessionShape,
    SubscriberNames,
    UserShape,
)
from coatcheck.web.installation import Installation

TOKEN_TYPE: Final = "Bearer"  # noqa: S105

_DEVICE_FOR: Final = timedelta(days=400)
"""As long as browsers keep a cookie (RFC 6265bis §5.5). What it proves ends with the password."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: its body, ``Set-Cookie`` lines, and further header lines. ``status`` overrides the endpoint's.

    A body may be Raw: JSON that was written elsewhere, as long ones are.
    """

    result: Struct | Raw | None = None
    cookies: tuple[bytes, ...] = ()
    status: int | None = None
    headers: tuple[RawHeader, ...] = ()


@dataclass(frozen=True, slots=True)
class Delivery:
    """A login on its way to the client: ``members`` for the body, ``cookies`` as ``Set-Cookie`` lines."""

    members: dict[str, Any]
    cookies: tuple[bytes, ...]


def deliver(installation: Installation, login: Login, now: datetime) -> Delivery:
    """Put each token of ``login`` where its session's ``carry`` wants it.

    Cookies persist only where the person asked to be remembered; otherwise they end with the browser. Raises
    RequestInvalid when a JWT is too long for a cookie.
    """
    names, credentials, session = installation.cookies, login.credentials, login.session
    members: dict[str, Any] = {}
    cookies: list[bytes] = []
    match session.carry:
        case Carry.COOKIE:
            cookies.append(write(names.session, credentials.session_token or "", _lasting(login, now)))
        case Carry.HEADER:
            members["session_token"] = credentials.session_token
            members["expires_in"] = seconds_until(credentials.expires_at, now)
        case Carry.TOKENS:
            members["access_token"] = credentials.access_token
            members["refresh_token"] = credentials.refresh_token
        case Carry.PAGE:
            members["access_token"] = credentials.access_token
            cookies += refresh_in_cookies(installation, login, now)
        case Carry.JWT_COOKIE:
            cookies += refresh_in_cookies(installation, login, now)
    if "access_token" in members:
        members["expires_in"] = seconds_until(credentials.access_expires_at or now, now)
        members["refresh_expires_in"] = seconds_until(credentials.expires_at, now)
    if members:
        members["token_type"] = TOKEN_TYPE
    if credentials.device_token is not None:
        if session.carry in (Carry.HEADER, Carry.TOKENS):
            members["device_token"] = credentials.device_token
        else:
            cookies.append(write(names.device, credentials.device_token, _DEVICE_FOR))
    return Delivery(members, tuple(cookies))


def refresh_in_cookies(installation: Installation, login: Login, now: datetime) -> list[bytes]:
    """The refresh token in its cookie and, with ``carry=jwt-cookie``, the access token in its own."""
    names, credentials, lasting = installation.cookies, login.credentials, _lasting(login, now)
    lines = [write(names.refresh, credentials.refresh_token or "", lasting)]
    if login.session.carry is Carry.JWT_COOKIE:
        lines.append(write(names.access, credentials.access_token or "", lasting))
    return lines


def clear_others(call: Call, delivery: Delivery) -> tuple[bytes, ...]:
    """Clear the login cookies that this browser sent and that ``delivery`` does not replace: one login at a time."""
    return tuple(
        clear(cookie)
        for cookie in _login_cookies(call.installation)
        if not any(line.startswith(cookie.start) for line in delivery.cookies) and _was_sent(call, cookie)
    )


def clear_login(installation: Installation) -> tuple[bytes, ...]:
    """Clear every cookie that carries a login; the device stays known."""
    return tuple(clear(cookie) for cookie in _login_cookies(installation))


def seconds_until(at: datetime, now: datetime) -> int:
    """Whole seconds that are left; never negative."""
    return max(0, (at - now) // timedelta(seconds=1))


def done(call: Call, receipt: Receipt | None, cookies: Iterable[bytes] = ()) -> Reply:
    """204; or 200 with the receipt, where one was awaited."""
    if receipt is None:
        return Reply(status=204, cookies=tuple(cookies))
    return Reply(ReceiptAnswer(receipt=receipt_shape(call, receipt)), tuple(cookies), status=200)


# -- records as the contract shows them --------------------------------------------------------------------------------


def user_shape(user: User) -> UserShape:
    """``user`` without anything secret."""
    return UserShape(
        id=user.id,
        email=user.email,
        name=user.name,
        roles=sorted(user.roles),
        status=user.status,
        created_at=user.created_at,
    )


def session_shape(session: Session) -> SessionShape:
    """``session`` without anything secret."""
    return SessionShape(
        id=session.id,
        created_at=session.created_at,
        authenticated_at=session.authenticated_at,
        expires_at=session.expires_at,
        device=session.device,
        amr=list(session.amr),
    )


def listed_session(session: Session, current_id: str) -> ListedSession:
    """``session`` as a line of a device list."""
    return ListedSession(
        id=session.id,
        device=session.device,
        address=session.address,
        created_at=session.created_at,
        seen_at=session.seen_at,
        expires_at=session.expires_at,
        current=session.id == current_id,
    )


def receipt_shape(call: Call, receipt: Receipt | None) -> ReceiptShape | UnsetType:
    """The receipt in numbers, for an administrator with names; UNSET where nothing was awaited."""
    if receipt is None:
        return UNSET
    names: SubscriberNames | UnsetType = UNSET
    if call.remembered is not None and call.who.has_role(ADMINISTRATOR):
        names = SubscriberNames(
            confirmed=list(receipt.confirmed),
            waited_out=list(receipt.waited_out),
            unbound=list(receipt.unbound),
        )
    return ReceiptShape(
        position=str(receipt.position),
        confirmed=len(receipt.confirmed),
        waited_out=len(receipt.waited_out),
        unbound_until=receipt.unbound_until,
        took_ms=-(-receipt.took // timedelta(milliseconds=1)),
        subscribers=names,
    )


def _lasting(login: Login, now: datetime) -> timedelta | None:
    """How long a cookie is kept: until the session's end if the person asked for that, else until the browser's."""
    return login.session.expires_at - now if login.session.remember else None


def _login_cookies(installation: Installation) -> tuple[Cookie, ...]:
    names = installation.cookies
    return (names.session, names.access, names.refresh)


def _was_sent(call: Call, cookie: Cookie) -> bool:
    return find(values_of(call.headers, b"cookie"), cookie) is not None
