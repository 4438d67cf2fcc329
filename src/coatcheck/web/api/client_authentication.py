"""Which service asks: by its secret or an access token in a header, by its secret in a form, or by signing.

RFC 6749 §2.3.1 (``client_secret_basic``, ``client_secret_post``), RFC 6750 §2.1, RFC 7523 §2.2 (``private_key_jwt``).
One way at a time, and every failure looks the same. Cookies play no part: a browser is no service.
"""

from binascii import Error as NotBase64
from binascii import a2b_base64
from typing import Annotated, Final
from urllib.parse import unquote_plus

from msgspec import Meta

from coatcheck.carriers.presented import LONGEST
from coatcheck.carriers.raw import values_of
from coatcheck.errors import RequestMalformed, ServiceRefused
from coatcheck.model.principal import Principal
from coatcheck.tokens.assertion import ASSERTION_TYPE
from coatcheck.tokens.jwt import JWT_START
from coatcheck.web.api.call import Call
from coatcheck.web.api.endpoint import Form
from coatcheck.web.api.shapes import PlainText

METHODS: Final = ("client_secret_basic", "client_secret_post", "private_key_jwt")
"""What the metadata says of it (RFC 8414 §2)."""


class ServiceForm(Form, frozen=True, kw_only=True):
    """What a service may prove itself by in a form."""

    client_id: Annotated[PlainText, Meta(description="The service's id, where it has to be said.")] | None = None
    client_secret: Annotated[PlainText, Meta(description="The service's secret.")] | None = None
    client_assertion_type: Annotated[PlainText, Meta(description=f"`{ASSERTION_TYPE}`.")] | None = None
    client_assertion: (
        Annotated[
            PlainText,
            Meta(
                description="A JWT that the service signed: `iss` and `sub` its id, `aud` the issuer, `exp` within "
                "five minutes, `jti` new each time."
            ),
        ]
        | None
    ) = None


async def service_of(call: Call, form: ServiceForm, *, by_token: bool = True) -> Principal:
    """The service that asks. Without ``by_token`` an access token of its own is no proof.

    Raises RequestMalformed when it tries two ways at once, ServiceRefused for everything else, CheckingStale or
    StoreUnavailable when nothing can be decided now.
    """
    lines = list(values_of(call.headers, b"authorization"))
    if sum((bool(lines), form.client_secret is not None, form.client_assertion is not None)) > 1:
        raise RequestMalformed("One way to authenticate at a time (RFC 6749 section 2.3).")
    services, client = call.installation.auth.services, call.client()
    if form.client_assertion is not None:
        if form.client_assertion_type != ASSERTION_TYPE:
            raise ServiceRefused
        return await services.authenticate(assertion=form.client_assertion, client_id=form.client_id, client=client)
    if form.client_secret is not None:
        if form.client_id is None:
            raise ServiceRefused
        return await services.authenticate(client_id=form.client_id, secret=form.client_secret, client=client)
    if len(lines) != 1 or len(lines[0]) > LONGEST:
        raise ServiceRefused
    scheme, _, value = lines[0].partition(b" ")
    if scheme.lower() == b"bearer":
        if not by_token and value.strip(b" ").startswith(JWT_START):
            raise ServiceRefused
        who = await services.authenticate(value.strip(b" ").decode("latin-1"), client_id=form.client_id, client=client)
        if form.client_id not in (None, who.client_id):
            raise ServiceRefused
        return who
    client_id, secret = _basic(scheme, value)
    if form.client_id not in (None, client_id):
        raise ServiceRefused
    return await services.authenticate(client_id=client_id, secret=secret, client=client)


def is_authenticating(call: Call, form: ServiceForm) -> bool:
    """True when the request shows anything that a service proves itself by; ``client_id`` alone proves nothing."""
    return (
        form.client_secret is not None
        or form.client_assertion is not None
        or any(True for _ in values_of(call.headers, b"authorization"))
    )


def _basic(scheme: bytes, value: bytes) -> tuple[str, str]:
    """Read ``Basic``: both halves are form-encoded first (RFC 6749 §2.3.1). Raises ServiceRefused."""
    if scheme.lower() != b"basic":
        raise ServiceRefused
    try:
        decoded = a2b_base64(value.strip(b" "), strict_mode=True).decode("utf-8")
        client_id, colon, secret = decoded.partition(":")
        if not colon:
            raise ServiceRefused
        return unquote_plus(client_id, errors="strict"), unquote_plus(secret, errors="strict")
    except (NotBase64, UnicodeDecodeError):
        raise ServiceRefused from None
