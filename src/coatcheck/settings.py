"""Every knob, with its default, its unit and its reason.

``Settings()`` is a safe configuration for development on one machine. In production ``url`` and ``secrets`` must be
given; whatever loosens a protection is called ``insecure_…`` and listed by ``coatcheck doctor``. The environment is
read by the command line only (``coatcheck.cli``), never here.

Raises Misconfigured when the values do not fit together.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

from coatcheck.errors import Misconfigured
from coatcheck.model.bound import bound
from coatcheck.model.key import Algorithm

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_NONE = timedelta(0)

POSTGRESQL: Final = ("postgresql://", "postgres://")
"""How the address of a PostgreSQL database begins."""


def _local_file(named: str, beside: str | None, ending: str) -> Path | None:
    if named:
        return Path(named)
    return None if beside is None else Path(f"{beside}-{ending}")


def _require(condition: bool, sentence: str) -> None:
    if not condition:
        raise Misconfigured(sentence)


@dataclass(frozen=True, kw_only=True)
class SessionSettings:
    """How long a login lives."""

    absolute_after: timedelta = timedelta(hours=12)
    """A login ends this long after it began, whatever happens (OWASP ASVS 7.3.2). A working day."""

    idle_after: timedelta = timedelta(hours=2)
    """A login ends when nobody was seen for this long (OWASP ASVS 7.3.1)."""

    remembered_absolute_after: timedelta = timedelta(days=30)
    """The absolute limit when the person chose "keep me logged in"."""

    remembered_idle_after: timedelta = timedelta(days=14)
    """The idle limit when the person chose "keep me logged in"."""

    renew_after: timedelta = timedelta(days=1)
    """A cookie's secret is replaced in passing when it is this old, so that a stolen copy does not live for weeks. Not
    more often than needed: should the answer that brings the new one be lost, the person has to log in again."""

    grace: timedelta = timedelta(seconds=10)
    """How long the predecessor of a renewed cookie or a rotated refresh token is still answered: parallel tabs, a lost
    answer on a train. Every second of it is a second in which a theft goes unnoticed."""

    flush_touches_every: timedelta = timedelta(seconds=30)
    """"Last seen" is collected in memory and written in batches this often; a crash loses at most that much of it."""

    fresh_within: timedelta = timedelta(minutes=15)
    """What an administrator changes wants a password proven this recently (RFC 9470)."""

    data_limit: int = 16_384
    """Bytes, as JSON, that an application may keep beside a session (``auth.session_data``)."""

    at_most: int = 100
    """Live sessions per person (OWASP ASVS 7.1.2); 1 means a single device, 0 that there is no limit. What has ended or
    expired does not count."""

    at_limit: Literal["end_oldest", "refuse"] = "end_oldest"
    """What a login does beyond that: ``end_oldest`` ends the one that began first, ``refuse`` answers session.limit."""

    def __post_init__(self) -> None:
        _require(self.data_limit >= 2, "sessions.data_limit must be 2 or more: that is what an empty object takes")
        _require(self.at_most >= 0, "sessions.at_most must be 1 or more, or 0 for no limit")
        _require(self.at_limit in ("end_oldest", "refuse"), "sessions.at_limit must be end_oldest or refuse")
        _require(
            min(self.idle_after, self.remembered_idle_after) >= 4 * self.flush_touches_every,
            "sessions.idle_after must be at least four times sessions.flush_touches_every: the store's knowledge of "
            "'last seen' is that coarse",
        )
        _require(
            _NONE <= self.grace <= timedelta(seconds=60),
            "sessions.grace must lie between 0 and 60 s: more would hide theft of a refresh token",
        )
        for span in ("absolute_after", "remembered_absolute_after", "renew_after", "fresh_within"):
            _require(getattr(self, span) > _NONE, f"sessions.{span} must be longer than 0 s")
        _require(self.flush_touches_every > _NONE, "sessions.flush_touches_every must be longer than 0 s")


@dataclass(frozen=True, kw_only=True)
class TokenSettings:
    """Access tokens and the keys that sign them."""

    algorithm: Algorithm = Algorithm.ES256
    """What new keys are made for. ES256: small, quick to sign, and every JWT library verifies it."""

    access_for: timedelta = timedelta(minutes=10)
    """T: how long an access token, or a cached record, is used without asking the store."""

    leeway: timedelta = timedelta(seconds=30)
    """How far another machine's clock may be off when it reads ``exp``, ``nbf`` and ``iat``."""

    audiences: tuple[str, ...] = ()
    """Audiences a client may ask for beside the issuer itself, such as ``("orders", "billing")``."""

    upstream_for: timedelta = timedelta(minutes=1)
    """How long the access token lives that ``api/check`` has a gateway pass on, ``access_for`` at most. It is handed
    out again for half of this; an upstream that verifies with the JWKS alone accepts it until it expires."""

    api_key_scopes: tuple[str, ...] = ()
    """Scopes that people may give to their API keys, such as ``("orders:read",)``. Whatever a scope opens in your
    application, anybody can open with a key that has it: list what every person may do."""

    rotate_every: timedelta = timedelta(days=30)
    """A new signing key takes over this often; the old one verifies until its last token has expired."""

    def __post_init__(self) -> None:
        _require(
            _NONE <= self.leeway <= timedelta(seconds=60),
            "tokens.leeway must lie between 0 and 60 s: more would be a longer lifetime by another name",
        )
        _require(
            _NONE < self.access_for <= timedelta(days=1),
            "tokens.access_for must be positive and may be one day at most: an access token is for minutes",
        )
        _require(self.upstream_for >= timedelta(seconds=2), "tokens.upstream_for must be 2 s or more")
        _require(self.rotate_every > _NONE, "tokens.rotate_every must be longer than 0 s")
        _require(all(self.audiences), "tokens.audiences must not hold an empty name")


@dataclass(frozen=True, kw_only=True)
class RevocationSettings:
    """The lease protocol (``docs/revocation.md``). Stored in the log's head: the store's values hold for everybody."""

    lease: timedelta = timedelta(seconds=5)
    """L: how long a checker may trust its replica without hearing from the store. No shorter than your database's
    failover, or checks answer "try again" meanwhile."""

    drift: float = 0.10
    """δ: how much faster or slower than another a clock may run. Time daemons slew by up to 8 %."""

    policy: Literal["online", "deny", "accept"] = "online"
    """What a checker does without a lease: ``online`` asks the store for each check, ``deny`` answers "try again",
    ``accept`` goes on until expiry for at most ``accept_for``; every receipt then names it as not bound."""

    accept_for: timedelta = timedelta(hours=1)
    """A: with ``policy="accept"``, how long after its lease ended a checker goes on."""

    remember_events: int = 1_000_000
    """The most events a replica keeps (about 200 bytes each); reaching it costs online checks, never safety."""

    cache_records: int = 100_000
    """The most records and verified tokens a checker remembers (about 2 KB each)."""

    deny_list: str = ""
    """The file whose lines every process on this machine refuses for now, when nothing can be written to the database.
    Empty: ``<database>-deny``; with PostgreSQL none. Better on another disk than the database, such as
    ``/run/coatcheck-deny``."""

    witness: str = ""
    """The file in which the processes of this machine note how far they have seen the log go, so that they refuse to
    start over a database that went back in time. Empty: ``<database>-witness``; with PostgreSQL none, and nobody
    notices."""

    def __post_init__(self) -> None:
        _require(self.policy in ("online", "deny", "accept"), "revocation.policy must be online, deny or accept")
        _require(timedelta(milliseconds=50) <= self.lease, "revocation.lease must be 50 ms or more")
        _require(0 <= self.drift < 0.5, "revocation.drift must lie between 0 and 0.5")
        _require(_NONE <= self.accept_for <= timedelta(hours=1), "revocation.accept_for may be one hour at most")
        _require(self.remember_events >= 100, "revocation.remember_events must be 100 or more")
        _require(self.cache_records >= 100, "revocation.cache_records must be 100 or more")

    @property
    def bound(self) -> timedelta:
        """W: the longest that a barrier waits, and the longest that a revocation can take to hold."""
        return timedelta(seconds=bound(self.lease / timedelta(milliseconds=1), self.drift))


@dataclass(frozen=True, kw_only=True)
class PasswordSettings:
    """Argon2id and the rules for new passwords (NIST SP 800-63B, OWASP Password Storage Cheat Sheet)."""

    minimum_length: int = 15
    """Characters. 15 is NIST's figure for a password that is the only factor; 8 is the least that is accepted here."""

    memory_kib: int = 19_456
    """Argon2id memory, in KiB: OWASP's 19 MiB."""

    iterations: int = 2
    """Argon2id passes."""

    parallelism: int = 1
    """Argon2id lanes."""

    workers: int = 0
    """Threads that hash in each process, at low priority. 0 means one for each core that the process may use, by its
    affinity and its container's limit; the workers of ``coatcheck serve`` share those out among them. Memory is bounded
    by workers × memory_kib in each process."""

    queue: int = 64
    """Hashes that may wait; beyond that a login is answered 503 with Retry-After instead of making everybody slow."""

    forbidden_words: tuple[str, ...] = ()
    """Words of the site that a password must not consist of, beside the person's own name and e-mail."""

    imported_schemes: tuple[str, ...] = ()
    """Schemes and costs of imported hashes that are not all replaced yet, such as ``("bcrypt$12",)``. While named here,
    every login does that work too, so that the time of an answer does not tell whose hash was imported."""

    def __post_init__(self) -> None:
        _require(
            8 <= self.minimum_length <= 128,
            "passwords.minimum_length must lie between 8 (NIST SP 800-63B) and 128: nobody can type more",
        )
        _require(self.workers >= 0, "passwords.workers must be 1 or more, or 0 for one per core")
        _require(self.queue >= 1, "passwords.queue must be 1 or more")


@dataclass(frozen=True, kw_only=True)
class AttemptSettings:
    """How many wrong passwords are answered before waiting is asked for."""

    per_account: int = 10
    """Failures per account from unknown devices within ``window``. A device that has logged in before has a budget of
    its own, so that nobody can lock the owner out."""

    per_device: int = 10
    """Failures per account from one known device within ``window``."""

    per_address: int = 100
    """Failures per network address (IPv6: per /64) within ``window``."""

    window: timedelta = timedelta(minutes=15)
    """How long a failure counts."""

    def __post_init__(self) -> None:
        for count in ("per_account", "per_device", "per_address"):
            _require(getattr(self, count) >= 1, f"attempts.{count} must be 1 or more: with 0 nobody could log in")
        _require(self.window > _NONE, "attempts.window must be longer than 0 s")


@dataclass(frozen=True, kw_only=True)
class AuditSettings:
    """The audit trail (``docs/audit.md``)."""

    keep_for: timedelta = timedelta(days=400)
    """An entry is deleted when it is this old. A year is what many rules ask for, and the month on top is for looking
    back at that year; longer than needed would keep personal data (addresses, devices) without a reason."""

    def __post_init__(self) -> None:
        _require(self.keep_for >= timedelta(days=1), "audit.keep_for must be a day or more")


@dataclass(frozen=True, kw_only=True)
class WebSettings:
    """What a browser and a proxy see."""

    path: str = "/auth"
    """Where pages and API are mounted."""

    allowed_origins: tuple[str, ...] = ()
    """Other origins whose pages may call with cookies (CORS with credentials, and the origin rule), exact matches."""

    trusted_proxies: tuple[str, ...] = ()
    """Networks (CIDR) of proxies whose ``X-Forwarded-For`` is believed. Empty: the peer's address is the client's."""

    register_open: bool = True
    """Whether strangers may register. Otherwise only an administrator makes accounts."""

    after_login: str = ""
    """Where a browser goes after logging in when no ``return_to`` was given. Empty: the account page below ``path``."""

    site_name: str = "Coatcheck"
    """Shown on the pages; also a word that passwords must not consist of."""

    body_limit: int = 65_536
    """Bytes; a larger request body is refused before it is parsed."""

    def __post_init__(self) -> None:
        _require(self.path.startswith("/") and not self.path.endswith("/"), "web.path must look like /auth")
        _require(self.body_limit >= 1024, "web.body_limit must be 1024 or more: a login has to fit into it")
        _require(bool(self.site_name.strip()), "web.site_name must not be empty")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that can be set. Nested by room; all values have a default that is safe for development."""

    database: str = field(default="sqlite:///coatcheck.db", repr=False)
    """Where sessions live: ``sqlite:///file.db``, for the processes of one machine; ``postgresql://user:password@host/db``
    for any number of servers, in the form of PostgreSQL's own library, with several hosts too; or ``memory:``."""

    cache: str | None = field(default=None, repr=False)
    """Redis or Valkey, to make checks and limits quicker where several servers share them: ``redis://host:6379/0``,
    ``rediss://…`` (TLS, with ``?ssl_ca_certs=file.pem``), ``unix:///path/redis.sock``,
    ``redis+sentinel://host:26379,host:26379/service`` or ``redis+cluster://host:6379,host:6379``. Nothing in it is
    trusted, and nothing is lost with it (``docs/redis.md``)."""

    url: str = "http://localhost:8000"
    """Where people reach this installation. It fixes issuer, cookie names and flags, links and origins; none of these
    ever comes from a request. https is required everywhere but on this machine."""

    secrets: tuple[str, ...] = field(default=(), repr=False)
    """Master secrets of 32 characters or more, the current one first. Every other key is derived from them. Production
    must give one, and so must whoever uses PostgreSQL, the same on every server; in development it is made beside the
    SQLite file."""

    sessions: SessionSettings = field(default_factory=SessionSettings)
    """How long a login lives."""

    tokens: TokenSettings = field(default_factory=TokenSettings)
    """Access tokens and keys."""

    revocation: RevocationSettings = field(default_factory=RevocationSettings)
    """The lease protocol."""

    passwords: PasswordSettings = field(default_factory=PasswordSettings)
    """Hashing and policy."""

    attempts: AttemptSettings = field(default_factory=AttemptSettings)
    """Attempt limits."""

    audit: AuditSettings = field(default_factory=AuditSettings)
    """The audit trail."""

    web: WebSettings = field(default_factory=WebSettings)
    """Pages, API, proxies."""

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        _require(parts.scheme in ("http", "https") and bool(parts.hostname), "url must be like https://app.example.com")
        _require(
            parts.path in ("", "/") and not parts.query and not parts.fragment and parts.username is None,
            "url must be an origin, without path, query or user",
        )
        _require(
            parts.scheme == "https" or parts.hostname in _LOOPBACK,
            "url must be https: over plain http a session cookie can be read by anyone on the way",
        )
        for secret in self.secrets:
            _require(len(secret) >= 32, "a secret is shorter than 32 characters; make one with `coatcheck keys secret`")
            _require(len(set(secret)) >= 10, "a secret is not random; make one with `coatcheck keys secret`")

    @property
    def origin(self) -> str:
        """Scheme, host and port of ``url``, as a browser writes them in ``Origin``."""
        parts = urlsplit(self.url)
        default = {"http": 80, "https": 443}[parts.scheme]
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port not in (None, default) else "")

    @property
    def issuer(self) -> str:
        """The ``iss`` of access tokens (RFC 9068): the origin with the mount path."""
        return self.origin + self.web.path

    def deny_list(self, beside: str | None) -> Path | None:
        """Where the local switch's file is; ``beside`` is the store's own path. None where there can be none."""
        return _local_file(self.revocation.deny_list, beside, "deny")

    def witness(self, beside: str | None) -> Path | None:
        """Where it is noted how far the log has gone; ``beside`` as above. None where there can be none."""
        return _local_file(self.revocation.witness, beside, "witness")

    @property
    def is_shared(self) -> bool:
        """True for a database that other machines may use, too."""
        return self.database.startswith(POSTGRESQL)

    @property
    def is_local(self) -> bool:
        """True for plain http on this machine: development."""
        return urlsplit(self.url).scheme == "http"

    @property
    def port(self) -> int:
        """The port people reach this installation at."""
        parts = urlsplit(self.url)
        return parts.port or (443 if parts.scheme == "https" else 80)
