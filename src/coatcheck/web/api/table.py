"""THE table: every endpoint of the API. Routes and the OpenAPI document are made from it, and tests go through it."""

from coatcheck.web.api import (
    account,
    admin,
    api_keys,
    check,
    feed,
    health,
    introspect,
    metadata,
    revoke,
    services,
    sessions,
    token,
)
from coatcheck.web.api.endpoint import Endpoint


def table(mount_path: str) -> tuple[Endpoint, ...]:
    """Every endpoint for an API that is mounted at ``mount_path``."""
    return (
        *account.ENDPOINTS,
        *sessions.ENDPOINTS,
        *token.ENDPOINTS,
        *check.ENDPOINTS,
        *feed.ENDPOINTS,
        *introspect.ENDPOINTS,
        *revoke.ENDPOINTS,
        *api_keys.ENDPOINTS,
        *admin.ENDPOINTS,
        *services.ENDPOINTS,
        *metadata.endpoints(mount_path),
        *health.ENDPOINTS,
    )


def full_path(endpoint: Endpoint, mount_path: str) -> str:
    """The endpoint's path as the host sees it."""
    return endpoint.path if endpoint.path.startswith("/") else f"{mount_path}/{endpoint.path}"
