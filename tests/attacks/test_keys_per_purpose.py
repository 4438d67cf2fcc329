"""KM-10: one secret for two purposes or two environments, so that a token of one works in the other."""

from itertools import combinations

from coatcheck.model.identifiers import SESSION, new_identifier
from coatcheck.tokens.derivation import DerivedKey, Secrets
from coatcheck.tokens.opaque import SESSION_PREFIX, OpaqueTokens
from coatcheck.tokens.refresh import RefreshTokens
from coatcheck.tokens.sealing import SEALING

PRODUCTION = Secrets(["the secret of production, 0123456789"])
STAGING = Secrets(["the secret of staging, 0123456789abc"])


class Recording(Secrets):
    """Remembers which purposes were asked for."""

    __slots__ = ("asked",)

    def __init__(self, secrets: list[str]) -> None:
        super().__init__(secrets)
        self.asked: set[str] = set()

    def all(self, purpose: str) -> tuple[DerivedKey, ...]:
        self.asked.add(purpose)
        return super().all(purpose)


def test_every_use_has_a_purpose_of_its_own() -> None:
    secrets = Recording(["the secret of production, 0123456789"])
    asked: list[set[str]] = []
    for use in (
        lambda: OpaqueTokens(SESSION_PREFIX, secrets).issue(),
        lambda: OpaqueTokens("cck", secrets).issue(),
        lambda: RefreshTokens(secrets).successor(RefreshTokens(secrets).first(new_identifier(SESSION))),
        lambda: secrets.current(SEALING),
    ):
        secrets.asked = set()
        use()
        asked.append(secrets.asked)
    assert all(asked)
    assert not any(one & other for one, other in combinations(asked, 2))


def test_no_key_of_one_purpose_or_environment_serves_another() -> None:
    purposes = ["refresh token", "refresh chain", "opaque token ccs", "opaque token cck", SEALING]
    keys = [secrets.current(purpose).key for secrets in (PRODUCTION, STAGING) for purpose in purposes]
    assert len(set(keys)) == 2 * len(purposes)


def test_a_purpose_can_not_run_over_into_another() -> None:
    assert PRODUCTION.current("a").key != PRODUCTION.current("a\0").key
    assert PRODUCTION.current("").key != PRODUCTION.current("coatcheck key id").key
