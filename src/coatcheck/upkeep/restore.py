"""After a backup was put back: nothing that was ended since may come to life again (rule 17)."""

from datetime import datetime
from typing import Final

from coatcheck.model.audit import AuditEntry
from coatcheck.model.position import Epoch
from coatcheck.sessions.end import end_everything
from coatcheck.settings import Settings
from coatcheck.stores.port import Store, Transaction
from coatcheck.tokens.derivation import Secrets
from coatcheck.upkeep.rotation import replace_keys
from coatcheck.upkeep.witness import Witness

REASON: Final = "a backup was restored"


async def next_epoch(store: Store, witness: Witness) -> Epoch:
    """An epoch above every one that the store, this machine's witness or a subscriber has seen."""
    head = await store.read(lambda tx: tx.log.head())
    rows = await store.read_registry(lambda registry: registry.all())
    seen = witness.recall()
    epochs = [head.epoch, *(row.acknowledged.epoch for row in rows if row.acknowledged is not None)]
    if seen is not None:
        epochs.append(seen[0].epoch)
    return max(epochs).successor()


def begin_again(
    tx: Transaction,
    secrets: Secrets,
    settings: Settings,
    epoch: Epoch,
    *,
    now: datetime,
    reason: str = REASON,
    actor_id: str | None = None,
) -> None:
    """End everything that was issued before, replace every signing key, and begin ``epoch``, unsettled.

    The keys too: one that was revoked after the backup was made is valid again in it, and whoever has it can sign
    whatever generation is asked for. And the services' credentials, those of the feed too, for the same reason.

    Where somebody else has begun one meanwhile, a later one is begun: an epoch is never lowered. Leases as long as
    that of the settings are allowed for, since it may have been made longer after the backup was made.
    """
    replace_keys(tx, secrets, settings, now=now, reason=reason)  # first: two who begin again wait here for each other
    epoch = max(epoch, tx.log.head().epoch.successor())
    detail = {"epoch": str(epoch), "reason": reason}
    tx.audit.add(AuditEntry(at=now, kind="backup.restored", actor_id=actor_id, detail=detail))
    end_everything(tx, at=now, reason=reason, actor_id=actor_id, spare_feeds=False)
    tx.log.begin_epoch(epoch)
    tx.log.allow_for(settings.revocation.lease)
