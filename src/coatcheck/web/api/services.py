"""Administration of services: who they are, what they may do, and what they prove it by."""

from collections.abc import Sequence
from typing import Annotated, Final

from msgspec import UNSET, Meta

from coatcheck.errors import DataConflict, RequestNotFound
from coatcheck.model.service import Service
from coatcheck.model.session import Session
from coatcheck.web.api.answering import Reply, done, receipt_shape
from coatcheck.web.api.api_keys import PAGE, ends, last_used
from coatcheck.web.api.call import Call
from coatcheck.web.api.endpoint import Endpoint, May, Query, Waiting
from coatcheck.web.api.service_shapes import (
    CredentialRequest,
    CredentialShape,
    NewCredentialAnswer,
    NewServiceAnswer,
    ServiceAnswer,
    ServiceChangeRequest,
    ServiceRequest,
    ServicesAnswer,
    ServiceShape,
)
from coatcheck.web.api.shapes import PlainText


class ServicesQuery(Query, frozen=True, kw_only=True):
    """From where on."""

    cursor: Annotated[PlainText, Meta(description="`next_cursor` of the page before.")] | None = None


async def list_services(call: Call) -> Reply:
    """A page of services."""
    query: ServicesQuery = call.query
    found = await call.installation.auth.services.page(after=query.cursor, limit=PAGE + 1)
    shown = [service_shape(service) for service in found[:PAGE]]
    return Reply(ServicesAnswer(services=shown, next_cursor=shown[-1].id if len(found) > PAGE else None))


async def create_service(call: Call) -> Reply:
    """Register a service."""
    body: ServiceRequest = call.body
    made = await call.installation.auth.services.create(
        body.name,
        audiences=body.audiences,
        scopes=body.scopes,
        feed=body.feed,
        public_key=body.public_key,
        actor_id=call.user_id,
        client=call.client(),
    )
    first = made.first
    return Reply(
        NewServiceAnswer(
            service=service_shape(made.service),
            secrets=_credentials([first.credential]),
            secret=UNSET if first.secret is None else first.secret,
        )
    )


async def show_service(call: Call) -> Reply:
    """One service, with what it proves itself by."""
    services = call.installation.auth.services
    service = await services.require(call.path["service_id"])
    return Reply(_answer(service, await services.credentials_of(service.id)))


async def change_service(call: Call) -> Reply:
    """Change what a service may do. The tokens that it holds are refused; it asks for new ones."""
    body: ServiceChangeRequest = call.body
    services = call.installation.auth.services
    service, receipt = await services.change(
        call.path["service_id"],
        name=None if body.name is UNSET else body.name,
        audiences=None if body.audiences is UNSET else body.audiences,
        scopes=None if body.scopes is UNSET else body.scopes,
        feed=None if body.feed is UNSET else body.feed,
        status=None if body.status is UNSET else body.status,
        actor_id=call.user_id,
        client=call.client(),
        wait=call.wait,
    )
    credentials = await services.credentials_of(service.id)
    return Reply(
        ServiceAnswer(
            service=service_shape(service), secrets=_credentials(credentials), receipt=receipt_shape(call, receipt)
        )
    )


async def delete_service(call: Call) -> Reply:
    """End every credential of a service and delete it."""
    receipt = await call.installation.auth.services.delete(
        call.path["service_id"], actor_id=call.user_id, client=call.client(), wait=call.wait
    )
    return done(call, receipt)


async def add_credential(call: Call) -> Reply:
    """Give a service another secret, or take another public key, before the old one goes."""
    body: CredentialRequest = call.body
    services, service_id, client = call.installation.auth.services, call.path["service_id"], call.client()
    if body.public_key is not None:
        key = await services.add_key(
            service_id,
            body.name,
            body.public_key,
            expires_at=body.expires_at,
            actor_id=call.user_id,
            client=client,
        )
        return Reply(NewCredentialAnswer(credential=_credential(key)))
    made = await services.add_secret(
        service_id, body.name, expires_at=body.expires_at, actor_id=call.user_id, client=client
    )
    return Reply(NewCredentialAnswer(credential=_credential(made.credential), secret=made.secret or UNSET))


async def revoke_credential(call: Call) -> Reply:
    """Revoke a secret or a public key, and every token that was got by it."""
    receipt = await call.installation.auth.services.revoke_credential(
        call.path["service_id"],
        call.path["credential_id"],
        actor_id=call.user_id,
        client=call.client(),
        wait=call.wait,
    )
    return done(call, receipt)


def service_shape(service: Service) -> ServiceShape:
    """``service`` as the contract shows it."""
    return ServiceShape(
        id=service.id,
        name=service.name,
        audiences=list(service.audiences),
        scopes=list(service.scopes),
        feed=service.feed,
        status=service.status,
        created_at=service.created_at,
    )


def _answer(service: Service, credentials: Sequence[Session]) -> ServiceAnswer:
    return ServiceAnswer(service=service_shape(service), secrets=_credentials(credentials))


def _credentials(credentials: Sequence[Session]) -> list[CredentialShape]:
    return [_credential(each) for each in credentials]


def _credential(credential: Session) -> CredentialShape:
    return CredentialShape(
        id=credential.id,
        name=credential.name,
        form="secret" if credential.public_key is None else "public_key",
        created_at=credential.created_at,
        last_used_at=last_used(credential),
        expires_at=ends(credential),
    )


_LOOK: Final = May.ADMINISTRATOR
_DO: Final = May.FRESH_ADMINISTRATOR

ENDPOINTS: Final = (
    Endpoint(
        method="GET",
        path="api/admin/services",
        verb=list_services,
        summary="Services, page by page",
        may=_LOOK,
        query=ServicesQuery,
        result=ServicesAnswer,
    ),
    Endpoint(
        method="POST",
        path="api/admin/services",
        verb=create_service,
        summary="Register a service",
        may=_DO,
        body=ServiceRequest,
        result=NewServiceAnswer,
        status=201,
    ),
    Endpoint(
        method="GET",
        path="api/admin/services/{service_id}",
        verb=show_service,
        summary="One service",
        may=_LOOK,
        result=ServiceAnswer,
        errors=(RequestNotFound,),
    ),
    Endpoint(
        method="PATCH",
        path="api/admin/services/{service_id}",
        verb=change_service,
        summary="Change what a service may do",
        may=_DO,
        body=ServiceChangeRequest,
        query=Waiting,
        result=ServiceAnswer,
        errors=(RequestNotFound, DataConflict),
    ),
    Endpoint(
        method="DELETE",
        path="api/admin/services/{service_id}",
        verb=delete_service,
        summary="Delete a service",
        may=_DO,
        query=Waiting,
        errors=(RequestNotFound,),
    ),
    Endpoint(
        method="POST",
        path="api/admin/services/{service_id}/secrets",
        verb=add_credential,
        summary="Give a service another secret or key",
        may=_DO,
        body=CredentialRequest,
        body_may_be_empty=True,
        result=NewCredentialAnswer,
        status=201,
        errors=(RequestNotFound, DataConflict),
    ),
    Endpoint(
        method="DELETE",
        path="api/admin/services/{service_id}/secrets/{credential_id}",
        verb=revoke_credential,
        summary="Revoke a secret or key of a service",
        may=_DO,
        query=Waiting,
        errors=(RequestNotFound,),
    ),
)
