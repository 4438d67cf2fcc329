"""Being logged in, in a test: a real session of a real user, without a password and so without hashing."""

from collections.abc import Iterable
from datetime import datetime
from functools import partial
from typing import Any

from msgspec import Struct, structs

from coatcheck.auth import Auth
from coatcheck.carriers.cookies import Cookie, CookieNames
from coatcheck.flows.parts.credentials import login_from, mint
from coatcheck.flows.parts.new_session import new_session
from coatcheck.model.client import Client
from coatcheck.model.email import parse_email
from coatcheck.model.identifiers import SESSION, new_identifier
from coatcheck.model.login import Login
from coatcheck.model.session import Carry, Session
from coatcheck.model.user import User, UserStatus
from coatcheck.sessions.grant import Grant
from coatcheck.sessions.open import open_session
from coatcheck.stores.port import Transaction


class TestLogin(Struct, frozen=True):
    """What a test sends to be this user: ``headers`` for any client, ``cookies`` for one that keeps its own jar.

    With a cookie the headers say ``Origin`` too, as a browser does: without it an unsafe request would be refused.
    """

    __test__ = False  # pytest shall not take this for a test

    user: User
    session: Session
    headers: dict[str, str]
    cookies: dict[str, str]

    def __repr__(self) -> str:
        return f"TestLogin({self.user.email!r}, …)"


async def login_as(
    auth: Auth,
    who: str = "ann@example.com",
    *,
    roles: Iterable[str] | None = None,
    carry: Carry = Carry.COOKIE,
    remember: bool = False,
    audience: str | None = None,
    authenticated_at: datetime | None = None,
) -> TestLogin:
    """Log in as ``who``: an e-mail address, whose user is made if need be, or the id of a user.

    ``roles``, when given, become the user's. ``authenticated_at`` is when the password counts as proven, for routes
    that want that to be recent; ``audience`` is whom a JWT is for. Everything else is as after a real login: the
    session is listed, ends and expires. Raises LookupError for an unknown id.
    """
    means = auth._ready
    user = await _user(auth, who, tuple(roles or ()))
    if roles is not None and set(roles) != set(user.roles):
        user = (await auth.set_roles(user.id, tuple(roles))).user
    session_id = new_identifier(SESSION)
    secret = mint(means, carry, session_id, step=1)
    now = means.now()

    def work(tx: Transaction) -> Grant | None:
        held = tx.users.lock(user.id)
        if held is None or held.version != user.version or held.status is not UserStatus.ACTIVE:
            return None
        head = tx.log.head()
        session = new_session(
            means,
            user,
            session_id=session_id,
            secret=secret,
            carry=carry,
            remember=remember,
            audience=audience,
            client=Client(device="A test", address="127.0.0.1"),
            everything_generation=head.everything_generation,
            now=now,
        )
        session = structs.replace(session, authenticated_at=authenticated_at or now)
        return open_session(tx, session, held, head.position)

    granted = await means.store.write(work)
    if granted is None:
        raise LookupError(f"{who} was changed while logging in, or is suspended")
    return _worn(auth, login_from(means, granted, secret.text))


def log_in(client: Any, auth: Auth, who: str = "ann@example.com", **how: Any) -> TestLogin:
    """As ``login_as``, for a synchronous test with Starlette's or FastAPI's TestClient, which then is logged in::

        with TestClient(app) as client:
            log_in(client, auth, "ann@example.com", roles=["editor"])
            assert client.get("/me").status_code == 200

    Raises RuntimeError outside of ``with``: only inside does the application run.
    """
    if getattr(client, "portal", None) is None:
        raise RuntimeError("use the TestClient in a `with` block, so that the application is started")
    login: TestLogin = client.portal.call(partial(login_as, auth, who, **how))
    for name in ("authorization", "cookie", "origin"):  # of an earlier login
        client.headers.pop(name, None)
    client.headers.update(login.headers)
    return login


async def _user(auth: Auth, who: str, roles: tuple[str, ...]) -> User:
    if "@" not in who:
        known = await auth.get_user(who)
        if known is None:
            raise LookupError(f"there is no user {who}")
        return known
    key = parse_email(who).key
    user = await auth.store.read(lambda tx: tx.users.by_email_key(key))
    return user or await auth.create_user(who, roles=roles)


def _worn(auth: Auth, login: Login) -> TestLogin:
    """Put the credentials where ``carry`` wants them."""
    settings, credentials = auth.settings, login.credentials
    names = CookieNames.of(is_local=settings.is_local, port=settings.port, path=settings.web.path)
    token = credentials.session_token or credentials.access_token or ""
    cookie: Cookie | None = {Carry.COOKIE: names.session, Carry.JWT_COOKIE: names.access}.get(login.session.carry)
    if cookie is None:
        return TestLogin(login.user, login.session, {"authorization": f"Bearer {token}"}, {})
    headers = {"cookie": f"{cookie.name}={token}", "origin": settings.origin}
    return TestLogin(login.user, login.session, headers, {cookie.name: token})
