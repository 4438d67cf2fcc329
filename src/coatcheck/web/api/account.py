"""A person's own account: register, log in, look, change, prove, log out."""

from contextlib import suppress
from dataclasses import replace
from typing import Final

from msgspec import UNSET

from coatcheck.carriers.cookies import clear
from coatcheck.carriers.presented import Presented
from coatcheck.errors import (
    AccessDenied,
    AttemptsExceeded,
    CredentialRefused,
    DataConflict,
    EmailTaken,
    LoginBusy,
    LoginRefused,
    PasswordWeak,
    SessionEnded,
    SessionLimit,
    TokenInvalid,
    TokenMissing,
    TokenWrongKind,
    UserSuspended,
)
from coatcheck.flows.logout import Scope
from coatcheck.model.login import Login
from coatcheck.model.session import Carry, Session
from coatcheck.model.user import User
from coatcheck.web.api.answering import (
    Reply,
    clear_login,
    clear_others,
    deliver,
    done,
    receipt_shape,
    session_shape,
    user_shape,
)
from coatcheck.web.api.call import Call
from coatcheck.web.api.endpoint import Endpoint, May, Waiting
from coatcheck.web.api.shapes import (
    LoginAnswer,
    LoginRequest,
    LogoutRequest,
    MeAnswer,
    MeRequest,
    PasswordRequest,
    ReauthenticateRequest,
    RegisterRequest,
    RenewedAnswer,
)


async def register(call: Call) -> Reply:
    """Make an account and log in, as ``log_in`` does. Raises AccessDenied where strangers may not."""
    body: RegisterRequest = call.body
    auth = call.installation.auth
    if not auth.settings.web.register_open:
        raise AccessDenied("Registration is closed here. Ask an administrator for an account.")
    login = await auth.register(
        body.email,
        body.password,
        name=body.name,
        carry=body.carry,
        remember=body.remember,
        audience=body.audience,
        client=call.client(device=body.device),
        replaces=await _session_in_cookies(call) if body.carry in _IN_COOKIES else None,
    )
    return _begun(call, login)


async def log_in(call: Call) -> Reply:
    """Log in. The login that this browser holds already ends: nobody goes on in somebody else's."""
    body: LoginRequest = call.body
    login = await call.installation.auth.login(
        body.email,
        body.password,
        carry=body.carry,
        remember=body.remember,
        audience=body.audience,
        client=call.client(device=body.device, device_token=body.device_token),
        replaces=await _session_in_cookies(call) if body.carry in _IN_COOKIES else None,
        wait=call.wait,
    )
    return _begun(call, login)


async def log_out(call: Call) -> Reply:
    """End this session, all others, or all.

    To end this one, any genuine credential will do, also one that has expired or is outdated, and the refresh token
    beside it. To end others it must be good. What a header carries decides alone; otherwise this browser's cookies go.
    """
    body: LogoutRequest = call.body
    auth, client = call.installation.auth, call.client()
    named, in_cookie = _named(call, body)
    receipt, is_genuine = None, True
    try:
        call.remembered = await call.check()
    except CredentialRefused as refusal:
        if body.scope is not Scope.THIS:
            raise
        is_genuine = not isinstance(refusal, TokenMissing | TokenInvalid | TokenWrongKind)
    else:
        receipt = await auth.logout(call.who, scope=body.scope, client=client, wait=call.wait)
        named.discard(call.who.session_id)
    if body.scope is not Scope.OTHERS:
        for session_id in named:
            receipt = await auth.logout_named(session_id, client=client, wait=call.wait) or receipt
    if receipt is None and call.wait and is_genuine:
        receipt = await auth.barrier()
    if body.scope is Scope.OTHERS:
        return done(call, receipt)
    if call.has_bearer:
        return done(call, receipt, [clear(call.installation.cookies.refresh)] if in_cookie else [])
    reply = done(call, receipt, clear_login(call.installation))
    return replace(reply, headers=_FORGET_PAGES)


async def me(call: Call) -> Reply:
    """Who the caller is."""
    user, session = await _caller(call)
    return Reply(MeAnswer(user=user_shape(user), session=session_shape(session)))


async def change_me(call: Call) -> Reply:
    """Change what is shown of the caller."""
    body: MeRequest = call.body
    auth = call.installation.auth
    if body.name is not UNSET:
        await auth.rename(call.user_id, body.name)
    user, session = await _caller(call)
    receipt = await auth.barrier() if call.wait else None
    return Reply(MeAnswer(user=user_shape(user), session=session_shape(session), receipt=receipt_shape(call, receipt)))


async def change_password(call: Call) -> Reply:
    """Replace the password; every other session ends, and all credentials of this one are renewed."""
    body: PasswordRequest = call.body
    login = await call.installation.auth.change_password(
        call.who, current=body.current, new=body.new, client=call.client(), wait=call.wait
    )
    return _renewed(call, login)


async def reauthenticate(call: Call) -> Reply:
    """Prove the password again; all credentials of this session are renewed."""
    body: ReauthenticateRequest = call.body
    login = await call.installation.auth.reauthenticate(call.who, body.password, client=call.client(), wait=call.wait)
    return _renewed(call, login)


_IN_COOKIES = (Carry.COOKIE, Carry.PAGE, Carry.JWT_COOKIE)


def _begun(call: Call, login: Login) -> Reply:
    delivery = deliver(call.installation, login, call.now)
    cookies = delivery.cookies
    if login.session.carry in _IN_COOKIES:
        cookies += clear_others(call, delivery)
    answer = LoginAnswer(
        user=user_shape(login.user),
        session=session_shape(login.session),
        receipt=receipt_shape(call, login.receipt),
        **delivery.members,
    )
    return Reply(answer, cookies)


def _renewed(call: Call, login: Login) -> Reply:
    delivery = deliver(call.installation, login, call.now)
    answer = RenewedAnswer(
        session=session_shape(login.session), receipt=receipt_shape(call, login.receipt), **delivery.members
    )
    return Reply(answer, delivery.cookies)


async def _caller(call: Call) -> tuple[User, Session]:
    auth = call.installation.auth
    user, session = await auth.get_user(call.user_id), await auth.get_session(call.who.session_id)
    if user is None or session is None:
        raise SessionEnded
    return user, session


async def _session_in_cookies(call: Call) -> str | None:
    """The session that this client holds in its cookies; None when there is none that counts.

    It is replaced, not used: so who sends no ``Origin``, as a command line does, need not begin to for this.
    """
    presented, auth = call.presented, call.installation.auth
    if call.has_bearer:
        return None
    if isinstance(presented, Presented):
        with suppress(CredentialRefused):
            return (await auth.recall(presented.token, presented.carried_by)).session_id
    refresh_token = call.cookie(call.installation.cookies.refresh)
    return None if refresh_token is None else auth.session_named_by(refresh_token)


def _named(call: Call, body: LogoutRequest) -> tuple[set[str], bool]:
    """The sessions that the tokens of this request belong to, good or not; and whether the refresh cookie's is one.

    Beside a header the refresh cookie counts only when it is of the same session: a page sends both.
    """
    auth = call.installation.auth
    tokens = [body.refresh_token] if body.refresh_token else []
    if isinstance(call.presented, Presented):
        tokens.append(call.presented.token.decode("latin-1"))
    named = {auth.session_named_by(token) for token in tokens} - {None}
    refresh_token = call.cookie(call.installation.cookies.refresh)
    of_cookie = None if refresh_token is None else auth.session_named_by(refresh_token)
    if of_cookie is not None and not call.has_bearer:
        call.origins.require(call.method, call.headers)
        named.add(of_cookie)
    return {session_id for session_id in named if session_id}, of_cookie is not None and of_cookie in named


_FORGET_PAGES: Final = ((b"clear-site-data", b'"cache"'),)
_RENEWING: Final = (LoginRefused, AttemptsExceeded, LoginBusy)

ENDPOINTS: Final = (
    Endpoint(
        method="POST",
        path="api/register",
        verb=register,
        summary="Make an account and log in",
        may=May.ANYONE,
        body=RegisterRequest,
        result=LoginAnswer,
        status=201,
        errors=(EmailTaken, PasswordWeak, AccessDenied, AttemptsExceeded, LoginBusy),
    ),
    Endpoint(
        method="POST",
        path="api/login",
        verb=log_in,
        summary="Log in",
        may=May.ANYONE,
        body=LoginRequest,
        query=Waiting,
        result=LoginAnswer,
        errors=(LoginRefused, UserSuspended, SessionLimit, AttemptsExceeded, LoginBusy),
    ),
    Endpoint(
        method="POST",
        path="api/logout",
        verb=log_out,
        summary="Log out here, elsewhere, or everywhere",
        may=May.ANYONE,
        body=LogoutRequest,
        body_may_be_empty=True,
        query=Waiting,
        errors=(CredentialRefused,),
    ),
    Endpoint(method="GET", path="api/me", verb=me, summary="Who the caller is", result=MeAnswer),
    Endpoint(
        method="PATCH",
        path="api/me",
        verb=change_me,
        summary="Change what is shown of the caller",
        body=MeRequest,
        query=Waiting,
        result=MeAnswer,
        errors=(DataConflict,),
    ),
    Endpoint(
        method="POST",
        path="api/password",
        verb=change_password,
        summary="Change the password; every other session ends",
        body=PasswordRequest,
        query=Waiting,
        result=RenewedAnswer,
        errors=(*_RENEWING, PasswordWeak),
    ),
    Endpoint(
        method="POST",
        path="api/reauthenticate",
        verb=reauthenticate,
        summary="Prove the password again",
        body=ReauthenticateRequest,
        query=Waiting,
        result=RenewedAnswer,
        errors=_RENEWING,
    ),
)
