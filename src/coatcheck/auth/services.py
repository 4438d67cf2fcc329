"""``auth.services``: programs with credentials of their own."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import structs

from coatcheck.auth.introspection import Introspection, introspect
from coatcheck.auth.opened import Opened
from coatcheck.errors import CredentialRefused, RequestNotFound, ServiceRefused, TokenInvalid
from coatcheck.flows.add_service_credential import add_service_credential
from coatcheck.flows.authenticate_service import Proven, authenticate_service
from coatcheck.flows.change_service import change_service
from coatcheck.flows.create_service import NewService, create_service
from coatcheck.flows.delete_service import delete_service
from coatcheck.flows.issue_service_token import ServiceToken, issue_service_token
from coatcheck.flows.parts.new_credential import NewCredential
from coatcheck.flows.revoke_service_credential import revoke_service_credential
from coatcheck.flows.revoke_token import revoke_token
from coatcheck.model.client import Client
from coatcheck.model.principal import Kind, Principal
from coatcheck.model.receipt import Receipt
from coatcheck.model.service import Service, ServiceStatus
from coatcheck.model.session import Session
from coatcheck.tokens.claims import AccessClaims
from coatcheck.tokens.jwt import JWT_START, verify


class Services:
    """Services: registered by an administrator, with audiences and scopes of their own."""

    __slots__ = ("_opened",)

    def __init__(self, opened: Opened) -> None:
        self._opened = opened

    # -- registering --------------------------------------------------------------------------------------------------

    async def create(
        self,
        name: str,
        *,
        audiences: Sequence[str] = (),
        scopes: Sequence[str] = (),
        feed: bool = False,
        public_key: str | None = None,
        actor_id: str | None = None,
        client: Client = Client(),
    ) -> NewService:
        """Register a service. Its ``first.secret`` is told here and never again; with a ``public_key`` (PEM) there is
        none, and it signs instead.

        ``audiences`` are who its tokens may be for, and whose tokens it may ask about; ``feed`` lets it follow
        revocations. Raises RequestInvalid.
        """
        committed = await create_service(
            self._opened.ready,
            name=name,
            audiences=tuple(audiences),
            scopes=tuple(scopes),
            feed=feed,
            public_key=public_key,
            actor_id=actor_id,
            client=client,
        )
        return committed.result

    async def get(self, service_id: str) -> Service | None:
        """The service, or None."""
        return await self._opened.ready.store.read(lambda tx: tx.services.get(service_id))

    async def require(self, service_id: str) -> Service:
        """The service. Raises RequestNotFound."""
        service = await self.get(service_id)
        if service is None:
            raise RequestNotFound("There is no such service.")
        return service

    async def page(self, *, after: str | None = None, limit: int = 50) -> Sequence[Service]:
        """Services in order of id, after the one with id ``after``."""
        return await self._opened.ready.store.read(lambda tx: tx.services.page(after=after, limit=limit))

    async def credentials_of(self, service_id: str) -> Sequence[Session]:
        """The secrets and public keys of a service that have not been ended, newest first; ``seen_at`` is when each was
        last used."""
        live = await self._opened.ready.store.read(lambda tx: tx.sessions.live_of(service_id, Kind.SERVICE))
        seen = self._opened.running.checker.last_seen
        return [structs.replace(each, seen_at=seen(each.id, each.seen_at)) for each in live]

    async def change(
        self,
        service_id: str,
        *,
        name: str | None = None,
        audiences: Sequence[str] | None = None,
        scopes: Sequence[str] | None = None,
        feed: bool | None = None,
        status: ServiceStatus | None = None,
        actor_id: str | None = None,
        client: Client = Client(),
        wait: bool = False,
    ) -> tuple[Service, Receipt | None]:
        """Replace what is given; tokens that it holds are refused. Raises RequestNotFound, RequestInvalid,
        DataConflict."""
        committed = await change_service(
            self._opened.ready,
            service_id,
            name=name,
            audiences=None if audiences is None else tuple(audiences),
            scopes=None if scopes is None else tuple(scopes),
            feed=feed,
            status=status,
            actor_id=actor_id,
            client=client,
            wait=wait,
        )
        return committed.result, await self._opened.enforce(committed, wait=wait)

    async def delete(
        self, service_id: str, *, actor_id: str | None = None, client: Client = Client(), wait: bool = False
    ) -> Receipt | None:
        """End every credential of a service and delete it. Raises RequestNotFound."""
        committed = await delete_service(self._opened.ready, service_id, actor_id=actor_id, client=client, wait=wait)
        return await self._opened.enforce(committed, wait=wait)

    async def add_secret(
        self,
        service_id: str,
        name: str,
        *,
        expires_at: datetime | None = None,
        actor_id: str | None = None,
        client: Client = Client(),
    ) -> NewCredential:
        """Make another secret, told here and never again. Raises RequestNotFound, RequestInvalid, DataConflict."""
        committed = await add_service_credential(
            self._opened.ready, service_id, name=name, expires_at=expires_at, actor_id=actor_id, client=client
        )
        return committed.result

    async def add_key(
        self,
        service_id: str,
        name: str,
        public_key: str,
        *,
        expires_at: datetime | None = None,
        actor_id: str | None = None,
        client: Client = Client(),
    ) -> Session:
        """Take another public key (PEM) that it signs with. Raises RequestNotFound, RequestInvalid, DataConflict."""
        committed = await add_service_credential(
            self._opened.ready,
            service_id,
            name=name,
            public_key=public_key,
            expires_at=expires_at,
            actor_id=actor_id,
            client=client,
        )
        return committed.result.credential

    async def revoke_credential(
        self,
        service_id: str,
        credential_id: str,
        *,
        actor_id: str | None = None,
        client: Client = Client(),
        wait: bool = False,
    ) -> Receipt | None:
        """Revoke a secret or a public key, and every token that was got by it. Raises RequestNotFound."""
        committed = await revoke_service_credential(
            self._opened.ready, service_id, credential_id, actor_id=actor_id, client=client, wait=wait
        )
        return await self._opened.enforce(committed, wait=wait)

    # -- acting -------------------------------------------------------------------------------------------------------

    async def authenticate(
        self,
        token: str | None = None,
        *,
        client_id: str | None = None,
        secret: str | None = None,
        assertion: str | None = None,
        client: Client = Client(),
    ) -> Principal:
        """Say which service this is, by a ``token`` (its secret, or an access token for this issuer), by its
        ``secret``, or by an ``assertion`` (RFC 7523). Its ``session_id`` is that of the credential.

        Raises ServiceRefused, whatever is wrong; CheckingStale or StoreUnavailable when nothing can be decided now.
        """
        if token is not None and token.encode(errors="replace").startswith(JWT_START):
            return await self._by_access_token(token)
        proven = await authenticate_service(
            self._opened.ready,
            client_id=client_id,
            secret=token if token is not None else secret,
            assertion=assertion,
            client=client,
        )
        self._opened.running.checker.require_not_denied(proven.credential.id, proven.service.id)
        return self._principal(proven)

    async def issue(self, who: Principal, *, audience: str | None = None, scope: str | None = None) -> ServiceToken:
        """An access token for a service that was authenticated (RFC 6749 §4.4). Raises RequestInvalid, ServiceRefused.

        ``scope`` are some of its scopes, parted by spaces; left out, all.
        """
        if who.kind is not Kind.SERVICE:
            raise ServiceRefused
        return await issue_service_token(self._opened.ready, who.session_id, audience=audience, scope=scope)

    async def introspect(self, who: Principal, token: str) -> Introspection | None:
        """What a service may know of a token (RFC 7662); None where it is not good, or not for this service.

        Raises ServiceRefused, CheckingStale, StoreUnavailable.
        """
        return await introspect(self._opened, who, token.encode(errors="replace"))

    async def revoke_token(
        self, token: str, *, by: Principal | None = None, client: Client = Client(), wait: bool = False
    ) -> Receipt | None:
        """Revoke a token on behalf of the service ``by``, or of whoever holds it (RFC 7009); what is unknown or not
        theirs is left alone without a word."""
        presented = token.encode(errors="replace")
        committed = await revoke_token(
            self._opened.ready,
            presented,
            self._claims(presented),
            service_id=None if by is None else by.client_id,
            client=client,
            wait=wait,
        )
        return None if committed is None else await self._opened.enforce(committed, wait=wait)

    def _claims(self, token: bytes) -> AccessClaims | None:
        try:
            return verify(token, self._opened.running.keys.get).claims if token.startswith(JWT_START) else None
        except TokenInvalid:
            return None

    async def _by_access_token(self, token: str) -> Principal:
        try:
            principal = (await self._opened.running.recall.check(token.encode(errors="replace"))).principal
        except CredentialRefused:
            raise ServiceRefused from None
        if principal.kind is not Kind.SERVICE:
            raise ServiceRefused
        return principal

    def _principal(self, proven: Proven) -> Principal:
        now, credential = self._opened.ready.now(), proven.credential
        self._opened.running.checker.seen[credential.id] = now.timestamp()
        return Principal(
            kind=Kind.SERVICE,
            client_id=proven.service.id,
            session_id=credential.id,
            scopes=frozenset(proven.service.scopes),
            authenticated_at=now,
            expires_at=credential.expires_at,
        )
