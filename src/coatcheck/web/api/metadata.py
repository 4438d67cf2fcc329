"""What foreign verifiers and OAuth clients look up: the public keys, and what this server can do."""

from typing import Annotated, Final

from msgspec import Meta, Struct

from coatcheck.errors import StoreUnavailable
from coatcheck.tokens.assertion import ALGORITHMS
from coatcheck.tokens.jwks import jwks
from coatcheck.tokens.keyring import VerificationKey
from coatcheck.web.api.answering import Reply
from coatcheck.web.api.call import Call
from coatcheck.web.api.client_authentication import METHODS
from coatcheck.web.api.endpoint import Endpoint, May
from coatcheck.web.api.token import GRANT_TYPES

_KEY_SET: Final = ".well-known/jwks.json"
_METADATA: Final = "/.well-known/oauth-authorization-server"


class KeySetAnswer(Struct, frozen=True, kw_only=True):
    """A JSON Web Key Set (RFC 7517 §5)."""

    keys: list[dict[str, str]]


class MetadataAnswer(Struct, frozen=True, kw_only=True):
    """Authorization server metadata (RFC 8414 §2): what is built, and nothing else."""

    issuer: Annotated[str, Meta(description="`iss` of every access token.")]
    jwks_uri: Annotated[str, Meta(description="Where the public keys are.")]
    token_endpoint: Annotated[str, Meta(description="Where tokens are exchanged.")]
    introspection_endpoint: Annotated[str, Meta(description="Where services ask about tokens (RFC 7662).")]
    revocation_endpoint: Annotated[str, Meta(description="Where holders revoke tokens (RFC 7009).")]
    grant_types_supported: list[str]
    token_endpoint_auth_methods_supported: list[str]
    token_endpoint_auth_signing_alg_values_supported: list[str]
    introspection_endpoint_auth_methods_supported: list[str]
    introspection_endpoint_auth_signing_alg_values_supported: list[str]
    revocation_endpoint_auth_methods_supported: list[str]
    revocation_endpoint_auth_signing_alg_values_supported: list[str]
    response_types_supported: Annotated[list[str], Meta(description="Empty: there is no authorization endpoint.")]


async def key_set(call: Call) -> Reply:
    """The public keys that verify, upcoming ones too. HS256 secrets are in no list.

    They come from this process's replica, so this answers while the store is away. Raises StoreUnavailable before the
    first keys are known: an empty set would be cached, and refuse everybody.
    """
    known = list(call.installation.auth.checker.replica.keys.values())
    if not known:
        raise StoreUnavailable
    published = [key for key in known if key.public_key is not None]
    return Reply(KeySetAnswer(keys=jwks(map(VerificationKey.from_event, published))["keys"]))


async def metadata(call: Call) -> Reply:
    """What this server can do."""
    issuer = call.installation.auth.settings.issuer
    algorithms = [algorithm.value for algorithm in ALGORITHMS]
    return Reply(
        MetadataAnswer(
            issuer=issuer,
            jwks_uri=f"{issuer}/{_KEY_SET}",
            token_endpoint=f"{issuer}/api/token",
            grant_types_supported=list(GRANT_TYPES),
            introspection_endpoint=f"{issuer}/api/introspect",
            revocation_endpoint=f"{issuer}/api/revoke",
            token_endpoint_auth_methods_supported=["none", *METHODS],
            token_endpoint_auth_signing_alg_values_supported=algorithms,
            introspection_endpoint_auth_methods_supported=list(METHODS),
            introspection_endpoint_auth_signing_alg_values_supported=algorithms,
            revocation_endpoint_auth_methods_supported=["none", *METHODS],
            revocation_endpoint_auth_signing_alg_values_supported=algorithms,
            response_types_supported=[],
        )
    )


def endpoints(mount_path: str) -> tuple[Endpoint, ...]:
    """The rows; RFC 8414 §3.1 puts the issuer's path behind the well-known one, so they depend on ``mount_path``."""
    keys = [
        Endpoint(
            method="GET",
            path=path,
            verb=key_set,
            summary="The public keys, as a JWK Set",
            may=May.ANYONE,
            result=KeySetAnswer,
            errors=(StoreUnavailable,),
            is_public=True,
        )
        for path in (_KEY_SET, f"/{_KEY_SET}")
    ]
    server = [
        Endpoint(
            method="GET",
            path=path,
            verb=metadata,
            summary="What this server can do (RFC 8414)",
            may=May.ANYONE,
            result=MetadataAnswer,
            is_public=True,
            starts=False,
        )
        for path in (_METADATA, f"{_METADATA}{mount_path}")
    ]
    return (*keys, *server)
