"""A service under its lock, as an administrator changes it."""

from coatcheck.errors import RequestNotFound
from coatcheck.model.service import Service
from coatcheck.stores.port import Transaction


def locked_service(tx: Transaction, service_id: str) -> Service:
    """The service, which nobody else changes until the transaction is over. Raises RequestNotFound."""
    service = tx.services.lock(service_id)
    if service is None:
        raise RequestNotFound("There is no such service.")
    return service
