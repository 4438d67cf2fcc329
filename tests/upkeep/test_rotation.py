"""How old a key is, by which it may sign (rule 10)."""

from datetime import UTC, datetime, timedelta

import pytest

from coatcheck.model.key import KeyStatus
from coatcheck.settings import Settings
from coatcheck.stores.memory import MemoryStore
from coatcheck.stores.memory.keys import MemoryKeys
from coatcheck.tokens.derivation import Secrets
from coatcheck.upkeep.rotation import rotate_keys

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECRETS = Secrets(["a secret of this test, longer than thirty-two characters"])
WAITED = timedelta(seconds=2)


def test_a_key_has_not_been_known_while_somebody_waited_to_make_it(monkeypatch: pytest.MonkeyPatch) -> None:
    store, settings, instants = MemoryStore(), Settings(), [NOW]
    monkeypatch.setattr(MemoryKeys, "lock", lambda _: instants.append(instants[-1] + WAITED))
    store.transact(lambda tx: rotate_keys(tx, SECRETS, settings, now=lambda: instants[-1]))
    keys = {key.status: key for key in store.view(lambda tx: tx.keys.all())}
    upcoming = keys[KeyStatus.UPCOMING]
    assert upcoming.created_at == NOW + WAITED
    assert upcoming.usable_from == NOW + WAITED + settings.revocation.bound
