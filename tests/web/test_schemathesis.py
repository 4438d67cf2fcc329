"""The API against its own OpenAPI document, with whatever a fuzzer makes of it: nothing breaks, nothing surprises."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from msgspec import json
from schemathesis import checks
from starlette.applications import Starlette

from coatcheck.auth import Auth
from coatcheck.model.session import Carry
from coatcheck.model.user import ADMINISTRATOR
from coatcheck.settings import AttemptSettings, Settings
from coatcheck.testing import login_as
from coatcheck.web.api import routes
from coatcheck.web.api.openapi import document
from coatcheck.web.api.table import table
from tests.server import Server, serving


def application(auth: Auth) -> Starlette:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with auth:
            yield

    return Starlette(routes=routes(auth), lifespan=lifespan)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    patient = AttemptSettings(per_account=10**9, per_device=10**9, per_address=10**9)
    with serving(make=application, attempts=patient) as running:
        yield running


schema = schemathesis.openapi.from_dict(json.decode(json.encode(document(Settings(), table("/auth")))))


IS_OAUTH = {f"/auth/{endpoint.path}" for endpoint in table("/auth") if endpoint.is_oauth}


schema.config.checks.positive_data_acceptance.expected_statuses = ["2xx", "401", "403", "404", "409", "422", "503"]


@schema.auth(refresh_interval=None)
class SomeToken:
    """Says where the credential goes; the test puts a good one there."""

    def get(self, case: schemathesis.Case, context: schemathesis.AuthContext) -> str:
        return "Bearer none"

    def set(self, case: schemathesis.Case, data: str, context: schemathesis.AuthContext) -> None:
        case.headers["Authorization"] = data


@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisDeprecationWarning")  # the server draws numbers too
@schema.parametrize()
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_is_sent_is_answered_as_the_document_says(case: schemathesis.Case, server: Server):
    """Every case comes with a login of its own, since many end what they came with.

    A text that fits the schema may still be refused (422): a weak password, an address that is none, an audience that
    is not offered. At the token endpoint and its kin that is a 400 (RFC 6749 §5.2).
    """
    if "Authorization" in case.headers:
        login = login_as(server.auth, "root@example.com", roles=[ADMINISTRATOR], carry=Carry.HEADER)
        case.headers["Authorization"] = server.run(login).headers["authorization"]
    is_oauth = case.operation.path in IS_OAUTH
    excluded = [checks.CHECKS.get_one("positive_data_acceptance")] if is_oauth else []
    case.call_and_validate(base_url=server.url, excluded_checks=excluded)
