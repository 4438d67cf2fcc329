"""An administrator changes what a service may do. Tokens that it holds are refused; it asks for new ones."""

from msgspec import structs

from coatcheck.errors import DataConflict
from coatcheck.flows.parts.means import Means
from coatcheck.flows.parts.registered_service import locked_service
from coatcheck.model.client import Client
from coatcheck.model.service import Service, ServiceStatus, check_service
from coatcheck.sessions import change_service as sessions
from coatcheck.stores.port import Committed, Transaction


async def change_service(
    means: Means,
    service_id: str,
    *,
    name: str | None = None,
    audiences: tuple[str, ...] | None = None,
    scopes: tuple[str, ...] | None = None,
    feed: bool | None = None,
    status: ServiceStatus | None = None,
    actor_id: str | None,
    client: Client,
    wait: bool = False,
) -> Committed[Service]:
    """Replace what is given; None leaves as it is. While a service is suspended none of its credentials opens anything.

    Raises RequestNotFound, RequestInvalid, DataConflict.
    """
    now = means.now()

    def work(tx: Transaction) -> Service:
        before = locked_service(tx, service_id)
        after: Service = structs.replace(
            before,
            name=before.name if name is None else name.strip(),
            audiences=before.audiences if audiences is None else tuple(sorted(audiences)),
            scopes=before.scopes if scopes is None else tuple(sorted(scopes)),
            feed=before.feed if feed is None else feed,
            status=before.status if status is None else status,
        )
        check_service(after)
        if after == before:
            return before
        if structs.replace(after, name=before.name) == before:  # a name opens nothing
            tx.services.save(after, expected_version=before.version)
            return after
        changed = sessions.change_service(
            tx,
            after,
            kind=_called(before, after),
            at=now,
            actor_id=actor_id,
            address=client.address,
            detail=_said(before, after),
        )
        if changed is None:
            raise DataConflict
        return changed

    return await means.commit(work, wait=wait)


def _called(before: Service, after: Service) -> str:
    if before.status is after.status:
        return "service.changed"
    return "service.suspended" if after.status is ServiceStatus.SUSPENDED else "service.restored"


def _said(before: Service, after: Service) -> dict[str, str]:
    said = {
        "audiences": " ".join(after.audiences) if after.audiences != before.audiences else None,
        "scopes": " ".join(after.scopes) if after.scopes != before.scopes else None,
        "feed": str(after.feed).lower() if after.feed != before.feed else None,
    }
    return {name: value for name, value in said.items() if value is not None}
