"""What a checker remembers between requests: records by digest, bounded."""

from collections.abc import Callable
from datetime import datetime
from itertools import islice

from coatcheck.model.position import Position
from coatcheck.model.principal import CarriedBy, Principal
from coatcheck.revocation.credential import Credential


class Remembered:
    """A credential that was found good, ready to be tested again.

    ``ask_at`` is when the store must be asked again at the latest (T after it was last asked); ``ends_at`` when the
    credential is over; ``idle_for`` how long the session may go unseen (infinite for a JWT: refreshing counts).
    All are seconds of the wall clock. ``seen_at`` is when this process, or the store, last saw the person.
    ``stepped_at`` is when the secret was last replaced, None for a JWT. ``audience`` is what a JWT was issued for.
    """

    __slots__ = (
        "ask_at",
        "audience",
        "credential",
        "ends_at",
        "idle_for",
        "principal",
        "seen_at",
        "session_id",
        "stepped_at",
    )

    def __init__(
        self,
        *,
        credential: Credential,
        principal: Principal,
        ask_at: float,
        ends_at: float,
        idle_for: float,
        seen_at: float,
        stepped_at: datetime | None,
        audience: tuple[str, ...] = (),
    ) -> None:
        self.credential = credential
        self.principal = principal
        self.session_id = principal.session_id
        self.ask_at = ask_at
        self.ends_at = ends_at
        self.idle_for = idle_for
        self.seen_at = seen_at
        self.stepped_at = stepped_at
        self.audience = audience

    def stamped(self, stamp: Position) -> "Remembered":
        """The same, found current at another position."""
        credential = self.credential
        return Remembered(
            credential=Credential(
                session=credential.session,
                user=credential.user,
                generation=credential.generation,
                version=credential.version,
                everything=credential.everything,
                stamp=stamp,
                kid=credential.kid,
            ),
            principal=self.principal,
            ask_at=self.ask_at,
            ends_at=self.ends_at,
            idle_for=self.idle_for,
            seen_at=self.seen_at,
            stepped_at=self.stepped_at,
            audience=self.audience,
        )


class Cache:
    """Remembered credentials by a keyed digest of what was presented, so that neither the token is kept nor can anybody
    steer the dictionary. The oldest go first when ``limit`` is reached.

    A credential is named by SHA-256 over ``prefixes[carried_by]`` and itself, as this process alone can. Processors
    have instructions for SHA-256, so a long JWT is named quickly too; no name ever leaves the process, so a prefix is
    key enough.
    """

    def __init__(self, key: bytes, limit: int) -> None:
        self.prefixes = {carrier: key + carrier.value.encode("ascii") for carrier in CarriedBy}
        self._limit = limit
        self._entries: dict[bytes, Remembered] = {}
        self.get: Callable[[bytes], Remembered | None] = self._entries.get

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, digest: bytes, remembered: Remembered) -> None:
        """Remember; forgets the oldest sixteenth when full."""
        if len(self._entries) >= self._limit:
            for oldest in list(islice(self._entries, self._limit // 16 + 1)):
                self._entries.pop(oldest, None)
        self._entries[digest] = remembered

    def drop(self, digest: bytes) -> None:
        """Forget; nothing happens when it is not there."""
        self._entries.pop(digest, None)

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
