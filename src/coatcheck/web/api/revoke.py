"""Revocation by whoever holds a token (RFC 7009)."""

from typing import Annotated, Final

from msgspec import Meta

from coatcheck.errors import CheckingStale, ServiceRefused, StoreUnavailable
from coatcheck.web.api.answering import Reply, receipt_shape
from coatcheck.web.api.call import Call
from coatcheck.web.api.client_authentication import ServiceForm, is_authenticating, service_of
from coatcheck.web.api.endpoint import Endpoint, May, Waiting
from coatcheck.web.api.shapes import PlainText, ReceiptAnswer


class RevokeForm(ServiceForm, frozen=True, kw_only=True):
    """A token that is not to count any more."""

    token: Annotated[PlainText, Meta(description="Any token, key or secret of ours.", max_length=8192)]
    token_type_hint: Annotated[PlainText, Meta(description="Ignored: tokens tell what they are.")] | None = None


async def revoke(call: Call) -> Reply:
    """Revoke a token. Its holder needs no other proof; a service that authenticates revokes what is its own.

    A refresh token or a session token ends its session; an API key or a secret itself. An access token is refused from
    now on with all others of its session, which goes on. What is unknown, over or somebody else's is answered alike.
    """
    form: RevokeForm = call.form
    by = await service_of(call, form) if is_authenticating(call, form) else None
    receipt = await call.installation.auth.services.revoke_token(
        form.token, by=by, client=call.client(), wait=call.wait
    )
    return Reply(ReceiptAnswer(receipt=receipt_shape(call, receipt)))


ENDPOINTS: Final = (
    Endpoint(
        method="POST",
        path="api/revoke",
        verb=revoke,
        summary="Revoke a token (RFC 7009)",
        may=May.ANYONE,
        form=RevokeForm,
        query=Waiting,
        result=ReceiptAnswer,
        errors=(ServiceRefused, StoreUnavailable, CheckingStale),
        is_oauth=True,
    ),
)
