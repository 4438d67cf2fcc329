"""What a service may do changes: its tokens of the old version are refused everywhere."""

from datetime import datetime

from msgspec import structs

from coatcheck.model.audit import AuditEntry
from coatcheck.model.event import UserChanged
from coatcheck.model.service import Service
from coatcheck.stores.port import Transaction


def change_service(
    tx: Transaction,
    service: Service,
    *,
    kind: str,
    at: datetime,
    actor_id: str | None,
    address: str = "",
    detail: dict[str, str] | None = None,
) -> Service | None:
    """Store ``service`` under the next version and append the event: for the log a service is a user.

    ``service`` is the row as it was read under its lock (``tx.services.lock``), with the new values. None when somebody
    else changed it in between.
    """
    changed: Service = structs.replace(service, version=service.version + 1)
    if not tx.services.save(changed, expected_version=service.version):
        return None
    tx.audit.add(
        AuditEntry(at=at, kind=kind, user_id=service.id, actor_id=actor_id, address=address, detail=detail or {})
    )
    tx.log.append(UserChanged(service.id, changed.version))
    return changed
