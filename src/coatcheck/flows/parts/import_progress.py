"""How far an import has come, as the audit trail keeps it: written in the transaction of the batch it tells of.

So there is no second place that could disagree with the accounts after a crash, and none to clear away.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final, Self

import msgspec
from msgspec import Struct

from coatcheck.model.audit import AuditEntry
from coatcheck.stores.port import Transaction

ADVANCED: Final = "import.advanced"
_PAGE: Final = 200


class ImportProgress(Struct, frozen=True, kw_only=True):
    """Where an import stands, counted from its beginning.

    ``import_id`` names what is imported; ``cursor`` is where its reader goes on. ``imported`` are the accounts that
    this import made, ``existing`` the records whose e-mail address another account or an earlier record has,
    ``refused`` those that were not acceptable. ``schemes`` counts the hashes that a login has to replace.
    """

    import_id: str
    source: str
    cursor: str = ""
    read: int = 0
    imported: int = 0
    existing: int = 0
    refused: int = 0
    without_password: int = 0
    schemes: dict[str, int] = {}
    finished: bool = False

    @property
    def errors(self) -> int:
        """How many records were not imported."""
        return self.existing + self.refused

    def entry(self, *, at: datetime, actor_id: str) -> AuditEntry:
        """This, as an entry of the audit trail."""
        numbers = {name: str(getattr(self, name)) for name in _NUMBERS}
        schemes = " ".join(f"{name}={count}" for name, count in sorted(self.schemes.items()))
        detail = {"import": self.import_id, "source": self.source, "cursor": self.cursor, **numbers, "schemes": schemes}
        return AuditEntry(
            at=at, kind=ADVANCED, actor_id=actor_id, detail=detail | {"finished": "yes" if self.finished else "no"}
        )

    @classmethod
    def of(cls, entry: AuditEntry) -> Self:
        """What ``entry`` wrote down."""
        detail = entry.detail
        schemes = dict(each.rpartition("=")[::2] for each in detail["schemes"].split())
        found: Self = msgspec.convert(
            {
                **{name: int(detail[name]) for name in _NUMBERS},
                "import_id": detail["import"],
                "source": detail["source"],
                "cursor": detail["cursor"],
                "schemes": {name: int(count) for name, count in schemes.items()},
                "finished": detail["finished"] == "yes",
            },
            cls,
        )
        return found


_NUMBERS: Final = ("read", "imported", "existing", "refused", "without_password")


def advances(tx: Transaction, import_id: str) -> Iterator[AuditEntry]:
    """What the trail has of this import, newest first."""
    before: str | None = None
    limit = 1  # mostly the newest of all is asked for
    while page := tx.audit.page(kind=ADVANCED, before=before, limit=limit):
        yield from (entry for entry in page if entry.detail.get("import") == import_id)
        before, limit = page[-1].id, _PAGE
