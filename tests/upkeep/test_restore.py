"""A new epoch after a backup was put back (rule 17)."""

from datetime import UTC, datetime, timedelta

from coatcheck.model.position import Epoch
from coatcheck.settings import RevocationSettings, Settings
from coatcheck.stores.memory import MemoryStore
from coatcheck.tokens.derivation import Secrets
from coatcheck.upkeep.restore import begin_again

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECRETS = Secrets(["a secret of this test, longer than thirty-two characters"])


def test_leases_longer_than_the_backup_knows_are_allowed_for() -> None:
    store = MemoryStore()
    before = store.view(lambda tx: tx.log.head())
    settings = Settings(revocation=RevocationSettings(lease=timedelta(seconds=20)))
    epoch = before.epoch.successor()
    store.transact(lambda tx: begin_again(tx, SECRETS, settings, epoch, now=NOW))
    head = store.view(lambda tx: tx.log.head())
    assert (before.longest_lease_ms, head.longest_lease_ms, head.lease_ms) == (5_000, 20_000, 5_000)


def test_two_who_begin_again_at_once_never_lower_the_epoch() -> None:
    store = MemoryStore()
    began = store.view(lambda tx: tx.log.head()).epoch
    seen = []
    for nonce in ("ffffffff", "00000000"):  # both looked before the first had begun
        epoch = Epoch(began.number + 1, nonce)
        store.transact(lambda tx, epoch=epoch: begin_again(tx, SECRETS, Settings(), epoch, now=NOW))
        seen.append(store.view(lambda tx: tx.log.head()).epoch)
    assert began < seen[0] < seen[1]
    entries = store.view(lambda tx: tx.audit.page(limit=50, kind="backup.restored"))
    assert {entry.detail["epoch"] for entry in entries} == {str(epoch) for epoch in seen}
