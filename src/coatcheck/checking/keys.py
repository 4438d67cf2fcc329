"""The verification keys of a checker: prepared from what the replica holds, and nothing else (rule 10)."""

from collections.abc import Callable

from coatcheck.revocation.replica import Replica
from coatcheck.tokens.keyring import VerificationKey


class CheckingKeys:
    """Valid keys by ``kid``. ``secret_of`` gives the key of an HS256 ``kid``, whose secret is in no event; it returns
    None where the store is not (a Verifier), so that such tokens are refused there."""

    def __init__(self, replica: Replica, secret_of: Callable[[str], VerificationKey | None]) -> None:
        self._replica = replica
        self._secret_of = secret_of
        self._prepared: dict[str, VerificationKey] = {}

    def get(self, kid: str) -> VerificationKey | None:
        """The prepared key if ``kid`` is valid now, else None."""
        added = self._replica.keys.get(kid)
        if added is None:
            self._prepared.pop(kid, None)
            return None
        key = self._prepared.get(kid)
        if key is None:
            key = self._secret_of(kid) if added.public_key is None else VerificationKey.from_event(added)
            if key is not None:
                self._prepared[kid] = key
        return key
