"""What this process refuses for now, by a local switch: for when nothing can be written, so nothing ended (rule 19).

It is knowledge of this process alone: no event, no position, never acknowledged, and no receipt speaks of it.
"""

from collections.abc import Iterable

from coatcheck.revocation.credential import Credential


class Denials:
    """``everything``, or the sessions and users by ``names`` (as credentials are compared) and signing keys by
    ``kids``."""

    __slots__ = ("_everything", "_kids", "_names")

    def __init__(
        self, *, everything: bool = False, names: frozenset[bytes] = frozenset(), kids: frozenset[str] = frozenset()
    ) -> None:
        self._everything = everything
        self._names = names
        self._kids = kids

    def cover(self, credential: Credential) -> bool:
        """True when ``credential`` is among what is refused."""
        return (
            self._everything
            or credential.session in self._names
            or credential.user in self._names
            or credential.kid in self._kids
        )

    def cover_any(self, names: Iterable[bytes]) -> bool:
        """True when a session or user of one of these ``names`` is."""
        return self._everything or not self._names.isdisjoint(names)
