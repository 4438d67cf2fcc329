"""What becomes of a token that is presented now: the rules of ``checking`` and ``sessions.rotate``, told one by one.
It reads and never writes: a refresh token that was used before is not a replay here.

The checker gives one answer and stops; this goes on, so that everything that is wrong is told. The first finding that
does not hold is the one whose code a client is answered.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple, TypeAlias

from msgspec import UNSET

from coatcheck.authority import LookUp
from coatcheck.cli.tokens.form import Finding, TokenKind, without_tokens
from coatcheck.cli.tokens.times import near, within
from coatcheck.errors import (
    CheckingStale,
    CredentialRefused,
    SessionEnded,
    SessionExpired,
    TokenExpired,
    TokenInvalid,
    TokenOutdated,
    TokenReplayed,
    TokenRevoked,
    TokenWrongAudience,
)
from coatcheck.model.expiry import is_idle, is_past_absolute, is_within_grace
from coatcheck.model.key import KeyStatus, SigningKey
from coatcheck.model.principal import Kind
from coatcheck.model.service import Service, is_service
from coatcheck.model.session import Ending, Session
from coatcheck.model.user import User
from coatcheck.settings import Settings
from coatcheck.stores.port import Transaction
from coatcheck.tokens.api_key import API_KEY_PREFIX, SERVICE_SECRET_PREFIX, KeyTokens
from coatcheck.tokens.claims import MAX_AGE, AccessClaims, read_claims
from coatcheck.tokens.derivation import Secrets
from coatcheck.tokens.jws import open_compact
from coatcheck.tokens.keyring import VerificationKey
from coatcheck.tokens.opaque import SESSION_PREFIX, OpaqueTokens, digest
from coatcheck.tokens.refresh import RefreshToken, RefreshTokens
from coatcheck.tokens.sealing import SealBroken
from coatcheck.tokens.weak_keys import KeyRefused
from coatcheck.upkeep.denial_file import Denied

Owner: TypeAlias = User | Service
ENDINGS: Final = {
    Ending.LOGOUT: "logged out",
    Ending.ENDED_BY_USER: "ended by its owner, from another device",
    Ending.ENDED_BY_ADMIN: "ended by an administrator",
    Ending.PASSWORD_CHANGED: "the password was changed",
    Ending.SUSPENDED: "the account was suspended",
    Ending.DELETED: "the account was deleted",
    Ending.COMPROMISED: "the account was marked as compromised",
    Ending.REPLAYED: "a refresh token came back that had been used before",
    Ending.LIMIT: "there were too many sessions",
    Ending.EVERYTHING: "everything was ended",
    Ending.REVOKED: "revoked",
}
"""Why a session is over, in words."""


class Judgement(NamedTuple):
    """What was found, and whose token it is; both None where nothing is behind it."""

    findings: tuple[Finding, ...]
    session: Session | None = None
    owner: Owner | None = None


def claims_alone(
    claims: AccessClaims, settings: Settings, now: datetime, audiences: tuple[str, ...] = ()
) -> Iterator[Finding]:
    """Issuer, audience and times, which need no database, in the order in which the checker asks. ``audiences`` are
    those of the owner, beside the ones in the settings."""
    yield _issuer(claims, settings)
    leeway = settings.tokens.leeway
    future = max(claims.iat, 0 if claims.nbf is UNSET else claims.nbf)
    begins, ends = _at(future), min(_at(claims.exp), _at(claims.iat) + timedelta(seconds=MAX_AGE))
    if begins > now + leeway:
        yield _no("times", f"it is from the future: it begins {near(begins, now)}", TokenInvalid)
    yield _audience(claims, settings, (*settings.tokens.audiences, *audiences))
    if ends <= now - leeway:
        yield _no("times", f"it expired {near(ends, now)}; it was issued {near(_at(claims.iat), now)}", TokenExpired)
    elif begins <= now + leeway:
        slack = ", within the leeway" if ends <= now else ""
        yield _yes("times", f"issued {near(_at(claims.iat), now)}, expires {near(ends, now)}{slack}")


def judge(
    kind: TokenKind, token: str, tx: Transaction, secrets: Secrets, settings: Settings, now: datetime
) -> Judgement:
    """Judge a well-formed token over one consistent read."""
    judging = _Judging(tx, secrets, settings, now)
    match kind:
        case TokenKind.ACCESS:
            return judging.access(token.encode("ascii"))
        case TokenKind.REFRESH:
            return judging.refresh(token)
        case TokenKind.API_KEY:
            return judging.opaque(token.encode("ascii"), KeyTokens(API_KEY_PREFIX, secrets))
        case TokenKind.SERVICE_SECRET:
            return judging.opaque(token.encode("ascii"), KeyTokens(SERVICE_SECRET_PREFIX, secrets))
        case _:
            return judging.opaque(token.encode("ascii"), OpaqueTokens(SESSION_PREFIX, secrets))


def switched_off(kind: TokenKind, judgement: Judgement, kid: str | None, denied: Denied) -> Iterator[Finding]:
    """Whether the processes of this machine refuse it for now by their local switch (rule 19 of
    ``docs/revocation.md``), which is asked in checks alone."""
    if kind in (TokenKind.REFRESH, TokenKind.SERVICE_SECRET) or judgement.session is None:
        return
    if denied.everything or denied.identifiers & {judgement.session.id, judgement.session.user_id, kid}:
        says = "refused on this machine for now, with what `coatcheck incident denied` lists"
        yield Finding("switch", False, says, CheckingStale.code)


class _Judging:
    def __init__(self, tx: Transaction, secrets: Secrets, settings: Settings, now: datetime) -> None:
        self._tx = tx
        self._secrets = secrets
        self._settings = settings
        self._now = now

    def access(self, token: bytes) -> Judgement:
        """A JWT: signature, claims, then what has become of its session and its owner."""
        signature, claims = self._signature(token)
        if claims is None:
            return Judgement((signature,))
        session = self._tx.sessions.get(claims.sid)
        owner = self._owner(claims.sub, is_service(claims.sub))
        audiences = owner.audiences if isinstance(owner, Service) else ()
        findings = [signature, *claims_alone(claims, self._settings, self._now, audiences)]
        findings.append(self._not_ended(session, owner, counted=True))
        findings += self._counters(claims, session, owner)
        return Judgement(tuple(findings), session, owner)

    def opaque(self, token: bytes, makes: OpaqueTokens | KeyTokens) -> Judgement:
        """A token that means nothing outside the store: the tag, then the session that has its digest."""
        if not makes.is_genuine(token):
            return Judgement((self._unknown_tag(),))
        tagged = _yes("tag", "made by this installation")
        found = self._tx.sessions.look_up(LookUp(digest=digest(token)))
        session = None if found.session_id is None else self._tx.sessions.get(found.session_id)
        if session is None:
            gone = "nothing has this secret: it was replaced since, or ended over a day ago and was cleared away"
            return Judgement((tagged, _no("session", gone, SessionEnded)))
        owner = self._owner(session.user_id, session.kind is Kind.SERVICE)
        findings = [tagged, self._not_ended(session, owner), *self._in_time(session)]
        if found.record is not None and found.record.superseded:
            findings.append(self._superseded(session))
        return Judgement(tuple(findings), session, owner)

    def refresh(self, token: str) -> Judgement:
        """A refresh token: the tag, the session, then whether it is the newest of the session's chain."""
        try:
            presented = RefreshTokens(self._secrets).read(token)
        except TokenInvalid:
            return Judgement((self._unknown_tag(),))
        tagged = _yes("tag", "made by this installation")
        session = self._tx.sessions.get(presented.session_id)
        if session is None:
            gone = f"{presented.session_id} is not there any more: it ended over a day ago and was cleared away"
            return Judgement((tagged, _no("session", gone, SessionEnded)))
        owner = self._owner(session.user_id, session.kind is Kind.SERVICE)
        findings = [tagged, self._not_ended(session, owner), *self._in_time(session), self._place(presented, session)]
        return Judgement(tuple(findings), session, owner)

    def _signature(self, token: bytes) -> tuple[Finding, AccessClaims | None]:
        keys: list[SigningKey] = []

        def key_for(header: object) -> VerificationKey:
            key = self._tx.keys.get(getattr(header, "kid", None) or "")
            if key is None:
                raise TokenInvalid
            keys.append(key)
            return VerificationKey.from_signing_key(key, self._secrets)

        try:
            payload = open_compact(token, key_for)[1]
        except (SealBroken, KeyRefused):
            return _no("signature", "its key can't be opened with the secret that is given", TokenInvalid), None
        except TokenInvalid:
            if not keys:
                absent = "no key here has its kid: another installation signed it, or the key was cleared away"
                return _no("signature", absent, TokenInvalid), None
            return _no("signature", f"{keys[0].kid} did not sign this: it was changed, or made up", TokenInvalid), None
        try:
            claims = read_claims(payload)
        except TokenInvalid:
            return _no("signature", "signed by us, but its claims are not those of an access token", TokenInvalid), None
        key = keys[0]
        if key.status is KeyStatus.REVOKED:
            revoked = f"signed by {key.kid}, which was revoked {near(key.status_since, self._now)}"
            return _no("signature", revoked, TokenInvalid), claims
        return _yes("signature", f"by {key.kid}, which is {key.status.value}"), claims

    def _unknown_tag(self) -> Finding:
        return _no(
            "tag",
            "this installation did not make it: another did, the secret it was made under is not given any more, or a "
            "character was changed",
            TokenInvalid,
        )

    def _owner(self, owner_id: str, is_service: bool) -> Owner | None:
        return self._tx.services.get(owner_id) if is_service else self._tx.users.get(owner_id)

    def _not_ended(self, session: Session | None, owner: Owner | None, *, counted: bool = False) -> Finding:
        """Why the session is over, if it is: the first of several reasons that is found. ``counted`` leaves the
        everything-generation to the token's own."""
        if session is None:
            gone = "it is not there any more: it ended over a day ago and was cleared away"
            return _no("session", gone, SessionEnded)
        if session.ended_at is not None:
            why = "" if session.ending is None else f": {ENDINGS.get(session.ending, session.ending.value)}"
            return _no("session", f"it ended {near(session.ended_at, self._now)}{why}", SessionEnded)
        if not counted and session.everything_generation < self._tx.log.head().everything_generation:
            return _no("session", "everything was ended since it began", SessionEnded)
        if owner is None:
            return _no("session", f"its owner {session.user_id} is not there any more", SessionEnded)
        if owner.status.value != "active":
            return _no("session", f"its owner {owner.id} is {owner.status.value}", SessionEnded)
        return _yes("session", "alive")

    def _in_time(self, session: Session) -> Iterator[Finding]:
        if session.ended_at is not None:
            return
        flush = self._settings.sessions.flush_touches_every
        if is_past_absolute(self._now, session.expires_at):
            yield _no("times", f"it came to its absolute end {near(session.expires_at, self._now)}", SessionExpired)
        elif is_idle(self._now, session.seen_at, session.idle_for, flush):
            unseen = f"nobody was seen for {within(session.idle_for)}: last {near(session.seen_at, self._now)}"
            yield _no("times", unseen, SessionExpired)

    def _superseded(self, session: Session) -> Finding:
        grace, when = self._settings.sessions.grace, near(session.stepped_at, self._now)
        if is_within_grace(self._now, session.stepped_at, grace):
            return _yes("secret", f"replaced {when}, and still answered for a moment")
        return _no("secret", f"replaced by another one {when}", TokenExpired)

    def _counters(self, claims: AccessClaims, session: Session | None, owner: Owner | None) -> Iterator[Finding]:
        if session is not None and claims.gen < session.generation:
            since = "every credential of its session was replaced since (password proven anew, or changed)"
            yield _no("current", since, TokenOutdated)
        if claims.all < self._tx.log.head().everything_generation:
            yield _no("current", "everything was ended since it was issued", TokenRevoked)
        if owner is not None and claims.ver < owner.version:
            since = "roles, status or password changed since; a refresh brings a current one"
            yield _no("current", since if isinstance(owner, User) else "the service was changed since", TokenOutdated)

    def _place(self, presented: RefreshToken, session: Session) -> Finding:
        """Where in the session's chain of refresh tokens this one stands."""
        if presented.step == session.step and presented.digest == session.secret_digest:
            return _yes("place", "the newest of its session: it can be exchanged")
        grace, when = self._settings.sessions.grace, near(session.stepped_at, self._now)
        is_recent = presented.step == session.step - 1 and is_within_grace(self._now, session.stepped_at, grace)
        if is_recent and presented.digest == session.previous_digest:
            return _yes("place", f"exchanged {when}, and still answered with the same successor for a moment")
        if is_recent and session.previous_digest is None:
            return _no("place", f"every credential of its session was replaced {when}", TokenOutdated)
        used = "it was exchanged before; who presents it ends the session, as after a theft"
        return _no("place", used, TokenReplayed)


def _issuer(claims: AccessClaims, settings: Settings) -> Finding:
    if claims.iss == settings.issuer:
        return _yes("issuer", "this installation")
    said = without_tokens(claims.iss)[:200]
    return _no("issuer", f"it says {said}, and COATCHECK_URL makes this {settings.issuer}", TokenInvalid)


def _audience(claims: AccessClaims, settings: Settings, audiences: tuple[str, ...]) -> Finding:
    named = (claims.aud,) if isinstance(claims.aud, str) else tuple(claims.aud)
    if settings.issuer in named:
        return _yes("audience", "this installation")
    known = [each for each in named if each in audiences]
    if known:
        return _yes("audience", f"{', '.join(known)}: accepted there, not by this installation itself")
    return _no("audience", "nobody that this installation issues for", TokenWrongAudience)


def _at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _yes(about: str, says: str) -> Finding:
    return Finding(about, True, says)


def _no(about: str, says: str, error: type[CredentialRefused]) -> Finding:
    return Finding(about, False, says, error.code)
