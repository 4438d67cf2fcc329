"""What a warm check costs, and what a remembered event weighs.

The figures are ratios where they can be: to a digest of the same token, which no check can do without, and of a replica
that remembers a million events to one that remembers a thousand.
"""

import gc
import json
import sys
import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from coatcheck.authority import Found, Snapshot
from coatcheck.checking.cache import Cache
from coatcheck.checking.checker import Checker
from coatcheck.checking.doubt import Doubt
from coatcheck.checking.keys import CheckingKeys
from coatcheck.model.event import Event, Head, KeyAdded, SessionEnded
from coatcheck.model.identifiers import identifier_of, new_identifier
from coatcheck.model.key import Algorithm, KeyStatus
from coatcheck.model.position import Epoch, Position
from coatcheck.model.principal import CarriedBy
from coatcheck.model.record import Record
from coatcheck.revocation.lease import Lease
from coatcheck.revocation.replica import Replica
from coatcheck.tokens.claims import AccessClaims
from coatcheck.tokens.derivation import Secrets
from coatcheck.tokens.jwt import sign
from coatcheck.tokens.keyring import Signer, new_signing_key
from coatcheck.tokens.opaque import SESSION_PREFIX, OpaqueTokens

EPOCH = Epoch(1, "00000000")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WALL = NOW.timestamp()
ISSUER = "https://app.example.com/auth"
SECRETS = Secrets(["a secret for measuring, which opens nothing"])
SESSION, USER = new_identifier("ses"), new_identifier("usr")


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


def checker_over(replica: Replica) -> tuple[Checker, bytes, bytes]:
    """A checker with a lease, a session token and a JWT that it has seen before."""
    key = new_signing_key(Algorithm.ES256, SECRETS, now=NOW, usable_from=NOW, status=KeyStatus.CURRENT)
    replica.keys[key.kid] = KeyAdded(key.kid, key.algorithm.value, key.public_key)
    lease = Lease()
    lease.take(100.0, 5.0, WALL - 100.0)
    tokens = OpaqueTokens(SESSION_PREFIX, SECRETS)
    checker = Checker(
        replica=replica,
        lease=lease,
        cache=Cache(b"k" * 32, 100_000),
        keys=CheckingKeys(replica, lambda _: None),
        session_tokens=tokens,
        wall=lambda: WALL,
        steady=lambda: 100.0,
        issuer=ISSUER,
        audience=ISSUER,
        cache_for=timedelta(minutes=10),
        leeway=timedelta(seconds=30),
        grace=timedelta(seconds=10),
        flush_interval=timedelta(seconds=30),
    )
    position = replica.position or Position(EPOCH, 0)
    claims = AccessClaims(
        iss=ISSUER,
        aud=ISSUER,
        sub=USER,
        exp=int(WALL) + 600,
        iat=int(WALL),
        jti=new_identifier("jti"),
        sid=SESSION,
        client_id="coatcheck",
        scope="",
        roles=("editor",),
        auth_time=int(WALL),
        amr=("pwd",),
        gen=1,
        ver=1,
        all=1,
        pos=str(position),
    )
    jwt = sign(claims, Signer.from_signing_key(key, SECRETS)).encode()
    cookie = tokens.issue().encode()
    doubt = checker.check(cookie)
    assert isinstance(doubt, Doubt)
    record = Record(
        session_id=SESSION,
        user_id=USER,
        generation=1,
        user_version=1,
        everything_generation=1,
        stamp=position,
        roles=("editor",),
        amr=("pwd",),
        organisation=None,
        authenticated_at=NOW,
        stepped_at=NOW,
        seen_at=NOW,
        expires_at=NOW + timedelta(hours=12),
        idle_for=timedelta(hours=2),
    )
    checker.take(doubt, Found(position=position, record=record))
    return checker, cookie, jwt


def microseconds(checker: Checker, token: bytes, rounds: int = 50_000) -> float:
    """The best of seven runs, per check."""
    check = checker.check
    best = 1e9
    for _ in range(7):
        began = perf_counter()
        for _ in range(rounds):
            check(token)
        best = min(best, perf_counter() - began)
    return best / rounds * 1e6


def microseconds_of_a_digest(token: bytes, rounds: int = 50_000) -> float:
    """What the keyed digest alone takes."""
    digest = Cache(b"k" * 32, 10).digest
    best = 1e9
    for _ in range(7):
        began = perf_counter()
        for _ in range(rounds):
            digest(token, CarriedBy.HEADER)
        best = min(best, perf_counter() - began)
    return best / rounds * 1e6


def measure() -> dict[str, float]:
    """Costs of warm checks in microseconds, their ratios, and bytes per remembered event."""
    checker, cookie, jwt = checker_over(remembering(1_000))
    few_cookie, few_jwt = microseconds(checker, cookie), microseconds(checker, jwt)
    checker, many_cookie_token, many_jwt_token = checker_over(remembering(1_000_000))
    many_cookie, many_jwt = microseconds(checker, many_cookie_token), microseconds(checker, many_jwt_token)
    return {
        "session token, µs": round(few_cookie, 2),
        "JWT, µs": round(few_jwt, 2),
        "session token, check ÷ digest": round(few_cookie / microseconds_of_a_digest(cookie), 2),
        "JWT, check ÷ digest": round(few_jwt / microseconds_of_a_digest(jwt), 2),
        "session token, 1,000,000 ÷ 1,000 events": round(many_cookie / few_cookie, 2),
        "JWT, 1,000,000 ÷ 1,000 events": round(many_jwt / few_jwt, 2),
        "bytes per remembered event": round(bytes_per_event(), 1),
    }


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2, ensure_ascii=False))
