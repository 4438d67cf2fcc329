"""RD-07: a client sends the headers by which a gateway tells the upstream who it is.

A gateway that copies headers from the check's answer leaves those alone that the answer does not have. So each is in
every answer that lets a request pass, and whatever the client has sent is overwritten (RFC 9700 §4.13).
"""

import pytest

from coatcheck.settings import TokenSettings
from coatcheck.web.api.check import IDENTITY
from tests.site import API, bearer, running

pytestmark = pytest.mark.anyio

FORGED = dict.fromkeys(IDENTITY, "root")


@pytest.mark.parametrize("query", ["", "?identity=headers"])
async def test_every_header_is_in_every_answer_that_lets_pass_and_none_is_the_clients(query: str):
    async with running(tokens=TokenSettings(audiences=("orders",))) as site:
        client = site.client()
        body = await site.register(client, carry="header", name="root")
        answer = await client.get(f"{API}/check{query}", headers={**bearer(body["session_token"]), **FORGED})
        assert answer.status_code == 204
        passed_on = {**FORGED, "authorization": f"Bearer {body['session_token']}"}
        passed_on |= {name: answer.headers[name] for name in ("authorization", *IDENTITY)}
        assert "root" not in passed_on.values()
        assert body["session_token"] not in passed_on["authorization"]


async def test_they_are_no_credential_here():
    async with running() as site:
        for path in ("check", "me", "admin/users"):
            assert (await site.client().get(f"{API}/{path}", headers=FORGED)).status_code == 401
