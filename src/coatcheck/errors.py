"""Everything that can go wrong, drawn as a tree.

    AuthError(code, status, message)
    ├── Refused                      the client's doing; a 4xx
    │   ├── RequestRefused           the request itself
    │   │   ├── RequestMalformed     400 request.malformed
    │   │   ├── RequestNotFound      404 request.not_found
    │   │   ├── MethodRefused        405 request.method
    │   │   ├── RequestTooLarge      413 request.too_large
    │   │   ├── MediaTypeRefused     415 request.media_type
    │   │   ├── RequestInvalid       422 request.invalid      .errors
    │   │   └── PasswordWeak         422 password.weak        .reasons
    │   ├── LoginRefused             401 login.refused
    │   ├── CredentialRefused        the credential that came with it
    │   │   ├── TokenMissing         401 token.missing
    │   │   ├── TokenInvalid         401 token.invalid
    │   │   ├── TokenExpired         401 token.expired
    │   │   ├── TokenOutdated        401 token.outdated
    │   │   ├── TokenRevoked         401 token.revoked
    │   │   ├── TokenReplayed        401 token.replayed
    │   │   ├── TokenWrongAudience   401 token.wrong_audience
    │   │   ├── TokenWrongKind       401 token.wrong_kind
    │   │   ├── ServiceRefused       401 service.refused
    │   │   ├── SessionEnded         401 session.ended
    │   │   ├── SessionExpired       401 session.expired
    │   │   └── ReauthenticationNeeded 401 access.reauthenticate .max_age
    │   ├── AccessDenied             403 access.denied
    │   ├── OriginRefused            403 origin.refused
    │   ├── UserSuspended            403 user.suspended
    │   ├── EmailTaken               409 email.taken
    │   ├── SessionLimit             409 session.limit
    │   ├── DataConflict             409 data.conflict
    │   ├── RegistrationUnknown      409 feed.register
    │   └── AttemptsExceeded         429 attempts.exceeded    .retry_after
    ├── Broken                       the world's doing; a 503 with Retry-After
    │   ├── CheckingStale            503 checking.stale
    │   ├── StoreUnavailable         503 store.unavailable
    │   │   └── OutcomeUnknown       503 store.unavailable    a COMMIT whose answer was lost
    │   ├── LoginBusy                503 login.busy
    │   ├── Draining                 503 server.draining
    │   └── SealBroken               in tokens/sealing.py: a signing key that our secrets don't open
    └── Misconfigured                the developer's doing; mostly at construction

TokenInvalid has a child too, UnknownKey, in tokens/jwt.py: the checker may ask for newer keys before it refuses.
The codes are the contract that clients are built on: they never change meaning. No error carries a secret, neither in
its message nor in its attributes.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import ClassVar, NamedTuple


class AuthError(Exception):
    """The root. ``code`` is stable and for programs, ``message`` is a sentence for people."""

    code: ClassVar[str]
    status: ClassVar[int]
    message: str
    _sentence: ClassVar[str] = ""

    def __init__(self, message: str | None = None) -> None:
        self.message = message or self._sentence
        super().__init__(self.message)


class Refused(AuthError):
    """The client asked for something that is not to be had."""


class RequestRefused(Refused):
    """The request itself is not acceptable, whoever sent it."""


class RequestMalformed(RequestRefused):
    """The body or a parameter can't be read at all."""

    code, status = "request.malformed", 400
    _sentence = "The request could not be read."


class RequestNotFound(RequestRefused):
    """There is nothing here, or nothing that this caller may know of."""

    code, status = "request.not_found", 404
    _sentence = "There is nothing at this address."


class MethodRefused(RequestRefused):
    """The resource exists but does not answer this method."""

    code, status = "request.method", 405
    _sentence = "This address does not answer this method."


class RequestTooLarge(RequestRefused):
    """The body is over the limit; it was refused before it was parsed."""

    code, status = "request.too_large", 413
    _sentence = "The request is too large."


class MediaTypeRefused(RequestRefused):
    """The body is not of the content type that this endpoint reads."""

    code, status = "request.media_type", 415
    _sentence = "This endpoint does not read that content type."


class FieldError(NamedTuple):
    """One field that was not acceptable, and why, in words that can be shown beside it."""

    field: str
    reason: str


class RequestInvalid(RequestRefused):
    """The body was read but does not fit; ``errors`` says which fields, and why."""

    code, status = "request.invalid", 422
    _sentence = "Some fields are not valid."

    def __init__(self, errors: Sequence[FieldError] = (), message: str | None = None) -> None:
        super().__init__(message)
        self.errors = tuple(errors)


class PasswordWeak(RequestRefused):
    """The new password does not meet the policy; ``reasons`` are sentences for the person."""

    code, status = "password.weak", 422
    _sentence = "Please choose another password."

    def __init__(self, reasons: Sequence[str] = (), message: str | None = None) -> None:
        super().__init__(message or " ".join(reasons) or None)
        self.reasons = tuple(reasons)


class LoginRefused(Refused):
    """Unknown e-mail and wrong password alike (OWASP ASVS 6.3.8: no enumeration)."""

    code, status = "login.refused", 401
    _sentence = "The e-mail address or the password is not right."


class CredentialRefused(Refused):
    """The credential that came with the request does not open anything."""

    status = 401


class TokenMissing(CredentialRefused):
    """The request carried no credential, or more than one where exactly one may be."""

    code = "token.missing"
    _sentence = "Please log in."


class TokenInvalid(CredentialRefused):
    """Anything that is wrong before signature, tag or digest has been verified: one code, one body."""

    code = "token.invalid"
    _sentence = "The token is not valid."


class TokenExpired(CredentialRefused):
    """A genuine token whose time is over."""

    code = "token.expired"
    _sentence = "The token has expired."


class TokenOutdated(CredentialRefused):
    """A genuine token from before a change of roles, status or credentials; a refresh brings a current one."""

    code = "token.outdated"
    _sentence = "The token is older than a change to this account."


class TokenRevoked(CredentialRefused):
    """A genuine token whose key, or whose whole generation, has been revoked."""

    code = "token.revoked"
    _sentence = "The token has been revoked."


class TokenReplayed(CredentialRefused):
    """A refresh token that had been used before, outside its grace: the session has been ended (RFC 9700 §4.14.2)."""

    code = "token.replayed"
    _sentence = "This refresh token had already been used; the session has been ended."


class TokenWrongAudience(CredentialRefused):
    """A genuine token that was issued for somebody else (RFC 9068 §4)."""

    code = "token.wrong_audience"
    _sentence = "The token was issued for another audience."


class TokenWrongKind(CredentialRefused):
    """A genuine token of another kind than is read here, such as a refresh token in ``Authorization``."""

    code = "token.wrong_kind"
    _sentence = "This kind of token is not accepted here."


class ServiceRefused(CredentialRefused):
    """What a service showed does not open anything: unknown, wrong, revoked, suspended and used twice are one."""

    code = "service.refused"
    _sentence = "The service's credential is not accepted."


class SessionEnded(CredentialRefused):
    """The session was ended: a logout, an administrator, a password change."""

    code = "session.ended"
    _sentence = "The session has ended."


class SessionExpired(CredentialRefused):
    """The session reached its idle or its absolute limit."""

    code = "session.expired"
    _sentence = "The session has expired."


class ReauthenticationNeeded(CredentialRefused):
    """The password was proven too long ago for this action (RFC 9470); ``max_age`` is how fresh it must be."""

    code = "access.reauthenticate"
    _sentence = "Please confirm your password."

    def __init__(self, max_age: timedelta, message: str | None = None) -> None:
        super().__init__(message)
        self.max_age = max_age


class AccessDenied(Refused):
    """Known, but not allowed: a role or scope is missing."""

    code, status = "access.denied", 403
    _sentence = "You may not do this."


class OriginRefused(Refused):
    """A cookie came with a request from another site (OWASP: CSRF; Fetch Metadata)."""

    code, status = "origin.refused", 403
    _sentence = "This request came from another site."


class UserSuspended(Refused):
    """The account is suspended. Said only after the right password."""

    code, status = "user.suspended", 403
    _sentence = "This account is suspended."


class EmailTaken(Refused):
    """Another account has this e-mail address."""

    code, status = "email.taken", 409
    _sentence = "There is already an account with this e-mail address."


class SessionLimit(Refused):
    """The person is logged in on as many devices as are allowed, and the settings refuse one more."""

    code, status = "session.limit", 409
    _sentence = "You are logged in on too many devices. Log out on one of them first."


class DataConflict(Refused):
    """The record was changed by somebody else in between, or the change would break a rule; read it again."""

    code, status = "data.conflict", 409
    _sentence = "This was changed in the meantime; please look again."


class RegistrationUnknown(Refused):
    """The subscriber's registration is unknown, was given up, or belongs to another credential: register anew."""

    code, status = "feed.register", 409
    _sentence = "This registration is not known. Register anew."


class AttemptsExceeded(Refused):
    """Too many failed attempts for this account or from this address."""

    code, status = "attempts.exceeded", 429
    _sentence = "Too many attempts. Please wait a moment."

    def __init__(self, retry_after: timedelta, message: str | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Broken(AuthError):
    """Something underneath is away. The client keeps its tokens and tries again after ``retry_after``.

    ``reason`` is for whoever runs this, and in no answer: it may name hosts, users and files, never a secret.
    """

    status = 503

    def __init__(
        self, message: str | None = None, *, retry_after: timedelta = timedelta(seconds=1), reason: str = ""
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.reason = reason

    @property
    def in_full(self) -> str:
        """The sentence and the reason: for logs and the command line."""
        return f"{self.message} It says: {self.reason}." if self.reason else self.message


class CheckingStale(Broken):
    """The lease has run out and the policy does not let this process decide alone."""

    code = "checking.stale"
    _sentence = "Credentials can't be checked at the moment. Please try again."


class StoreUnavailable(Broken):
    """The store did not answer, or refused to write. Never means "not found"."""

    code = "store.unavailable"
    _sentence = "The store can't be reached at the moment. Please try again."


class OutcomeUnknown(StoreUnavailable):
    """The connection was lost during COMMIT: the change may or may not have happened, and nobody claims either."""

    _sentence = "It is not known whether this was saved. Please look before you try again."


class LoginBusy(Broken):
    """The queue for password hashing is full; checks of existing logins are not affected."""

    code = "login.busy"
    _sentence = "Too many people are logging in at once. Please try again."


class Draining(Broken):
    """This process is about to end. It still answers, but new requests had better go to another one."""

    code = "server.draining"
    _sentence = "This server is about to end. Please ask another one."


class Misconfigured(AuthError):
    """The developer's or operator's doing: settings that don't fit together or are unsafe, and parts used before they
    were started or installed."""

    code, status = "settings.misconfigured", 500
