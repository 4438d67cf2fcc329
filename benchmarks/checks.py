"""What a warm check costs, and what a remembered event weighs.

A warm check tests its credential against the replica again only when the replica has learned something. Both are
measured: with nothing new, and *tested anew*, as if an event had arrived before every single check. The clocks are the
machine's own, and a thousand sessions take turns.
"""

import gc
import tracemalloc
from datetime import UTC, datetime, timedelta
from time import perf_counter

from benchmarks.figure import Figure, figure
from coatcheck.authority import Found, Snapshot
from coatcheck.checking.cache import Cache
from coatcheck.checking.checker import Checker
from coatcheck.checking.doubt import Doubt
from coatcheck.checking.keys import CheckingKeys
from coatcheck.clock import SystemClock
from coatcheck.model.event import Event, Head, KeyAdded, SessionEnded
from coatcheck.model.identifiers import identifier_of, new_identifier
from coatcheck.model.key import Algorithm, KeyStatus
from coatcheck.model.position import Epoch, Position
from coatcheck.model.record import Record
from coatcheck.revocation.lease import Lease
from coatcheck.revocation.replica import Replica
from coatcheck.tokens.claims import AccessClaims
from coatcheck.tokens.derivation import Secrets
from coatcheck.tokens.jwt import sign
from coatcheck.tokens.keyring import Signer, VerificationKey, new_signing_key
from coatcheck.tokens.opaque import SESSION_PREFIX, OpaqueTokens

EPOCH = Epoch(1, "00000000")
ISSUER = "https://app.example.com/auth"
SECRETS = Secrets(["a secret for measuring, which opens nothing"])
SESSIONS = 1_000


def head(seq: int) -> Head:
    return Head(EPOCH, seq, f"evt_{seq}", 0, True, 1, 5000, 600_000, 0.1)


def remembering(events: int) -> Replica:
    """A replica that remembers so many ended sessions, read from a log."""
    replica = Replica(1_000_000)
    replica.load(Snapshot(head=head(0), ended=(), generations=(), versions=(), keys=(), floor=0))
    for start in range(0, events, 10_000):
        stop = min(start + 10_000, events)
        replica.apply(
            [Event(n + 1, "", SessionEnded(identifier_of("ses", n.to_bytes(16)))) for n in range(start, stop)],
            head(stop),
        )
    return replica


def bytes_per_event(events: int = 1_000_000) -> float:
    """Memory that the replica holds for each remembered event."""
    gc.collect()
    tracemalloc.start()
    replica = remembering(events)
    gc.collect()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(replica) == events
    return held / events


def checker_over(replica: Replica, sessions: int) -> tuple[Checker, list[bytes], list[bytes]]:
    """A checker with a lease that has seen a session token and a JWT of each of so many sessions before."""
    now = datetime.now(UTC)
    key = new_signing_key(Algorithm.HS256, SECRETS, now=now, usable_from=now, status=KeyStatus.CURRENT)
    replica.keys[key.kid] = KeyAdded(key.kid, key.algorithm.value, None)
    verifying = VerificationKey.from_signing_key(key, SECRETS)
    clock, lease = SystemClock(), Lease()
    lease.take(clock.steady(), 3600.0, clock.wall() - clock.steady())
    tokens = OpaqueTokens(SESSION_PREFIX, SECRETS)
    checker = Checker(
        replica=replica,
        lease=lease,
        cache=Cache(b"k" * 32, 100_000),
        keys=CheckingKeys(replica, lambda _: verifying),
        session_tokens=tokens,
        wall=clock.wall,
        steady=clock.steady,
        issuer=ISSUER,
        audience=ISSUER,
        cache_for=timedelta(minutes=10),
        leeway=timedelta(seconds=30),
        grace=timedelta(seconds=10),
        flush_interval=timedelta(seconds=30),
    )
    position, signer = replica.position or Position(EPOCH, 0), Signer.from_signing_key(key, SECRETS)
    cookies, jwts = [], []
    for _ in range(sessions):
        record = a_record(position, now)
        jwts.append(sign(claims_of(record), signer).encode())
        cookies.append(tokens.issue().encode())
        checker.check(jwts[-1])
        doubt = checker.check(cookies[-1])
        assert isinstance(doubt, Doubt)
        checker.take(doubt, Found(position=position, record=record))
    return checker, cookies, jwts


def a_record(position: Position, now: datetime) -> Record:
    """A login that began just now."""
    return Record(
        session_id=new_identifier("ses"),
        user_id=new_identifier("usr"),
        generation=1,
        user_version=1,
        everything_generation=1,
        stamp=position,
        roles=("editor",),
        amr=("pwd",),
        organisation=None,
        authenticated_at=now,
        stepped_at=now,
        seen_at=now,
        expires_at=now + timedelta(hours=12),
        idle_for=timedelta(hours=2),
    )


def claims_of(record: Record) -> AccessClaims:
    """The same login as an access token."""
    issued_at = int(record.authenticated_at.timestamp())
    return AccessClaims(
        iss=ISSUER,
        aud=ISSUER,
        sub=record.user_id,
        exp=issued_at + 600,
        iat=issued_at,
        jti=new_identifier("jti"),
        sid=record.session_id,
        client_id="coatcheck",
        scope="",
        roles=record.roles,
        auth_time=issued_at,
        amr=record.amr,
        gen=1,
        ver=1,
        all=1,
        pos=str(record.stamp),
    )


def microseconds(checker: Checker, tokens: list[bytes], *, tested_anew: bool, rounds: int = 50_000) -> float:
    """The best of seven runs, per check."""
    check, replica = checker.check, checker.replica
    presented = (tokens * (rounds // len(tokens) + 1))[:rounds]
    best = 1e9
    for _ in range(7):
        began = perf_counter()
        if tested_anew:
            for token in presented:
                replica.state += 1
                check(token)
        else:
            for token in presented:
                check(token)
        best = min(best, perf_counter() - began)
    return best / rounds * 1e6


def measure() -> dict[str, Figure]:
    """Costs of warm checks in microseconds, their ratios, and bytes per remembered event."""
    few = checker_over(remembering(1_000), SESSIONS)
    many = checker_over(remembering(1_000_000), SESSIONS)
    figures: dict[str, Figure] = {}
    for carrier, (of_few, of_many) in {"session token": (few[1], many[1]), "JWT": (few[2], many[2])}.items():
        for how, anew in (("warm check", False), ("tested anew", True)):
            with_few = microseconds(few[0], of_few, tested_anew=anew)
            with_many = microseconds(many[0], of_many, tested_anew=anew)
            figures[f"{carrier}, {how}"] = figure(with_few, "µs", goal=3)
            goal = None if anew else 1.2  # anew, a million entries no longer fit the processor's cache
            figures[f"{carrier}, {how}, 1,000,000 ÷ 1,000 events"] = figure(with_many / with_few, goal=goal)
    del few, many
    figures["a remembered event"] = figure(bytes_per_event(), "bytes", goal=200)
    return figures
