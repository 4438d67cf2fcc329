"""Session tokens and API keys, which only the server knows: asked about once, remembered, refused when they end."""

from collections.abc import Iterator

import pytest

from coatcheck.model.principal import Kind
from coatcheck.model.session import Carry
from tests.verify.gate import Gate
from tests.verify.site import Site, refusal, trusting

GATE = Gate()


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with trusting(make=GATE.around(), audiences=("orders", "issuer")) as running:
        yield running


def asked() -> int:
    """How often the server was asked about a token."""
    return sum(path.endswith("/introspect") for path, _ in GATE.seen)


def test_a_session_token_is_asked_about_once_and_remembered_until_it_ends(site: Site) -> None:
    verifier, held = site.verifier(), site.log_in(carry=Carry.HEADER, roles=["clerk"])
    before = asked()
    for _ in range(5):
        who = verifier.check(held.token)
    assert (who.kind, who.user_id, who.session_id, who.roles) == (
        Kind.USER,
        held.user_id,
        held.session_id,
        frozenset({"clerk"}),
    )
    assert asked() == before + 1
    assert "orders here" in site.end(held)
    assert refusal(verifier, held.token) == "session.ended"


def test_a_change_of_roles_is_seen_and_logs_nobody_out(site: Site) -> None:
    verifier, held = site.verifier(), site.log_in("bob@example.com", carry=Carry.HEADER)
    verifier.check(held.token)
    site.server.run(site.auth.set_roles(held.user_id, ("clerk",), wait=True))
    assert verifier.check(held.token).roles == {"clerk"}


def test_what_the_server_does_not_know_is_refused(site: Site) -> None:
    verifier, held = site.verifier(), site.log_in(carry=Carry.HEADER)
    site.end(held)
    assert refusal(verifier, held.token) == "token.invalid"
    before = asked()
    assert refusal(verifier, "ccs_" + "A" * 44) == "token.invalid"
    assert asked() == before + 1, "only the server can tell"
    for malformed in ("ccs_", "ccs_" + "A" * 43, "ccs_" + "*" * 44, "cck_" + "A" * 50, held.token + "A"):
        assert refusal(verifier, malformed) == "token.invalid"
    assert asked() == before + 1, "what can't be one is not asked about"


def test_an_api_key_is_checked_like_a_session_token_and_ends_like_one(site: Site) -> None:
    held = site.log_in("cyd@example.com")
    made = site.server.run(site.auth.api_keys.create(held.user_id, "a script", audience="orders"))
    verifier, key = site.verifier(), made.secret
    who = verifier.check(key)
    assert (who.kind, who.user_id, who.roles) == (Kind.API_KEY, held.user_id, frozenset())
    site.server.run(site.auth.api_keys.revoke(made.credential.id, wait=True))
    assert refusal(verifier, key) == "session.ended"


def test_a_service_is_told_of_session_tokens_only_if_it_is_the_servers_own() -> None:
    with trusting() as site:
        held = site.log_in(carry=Carry.HEADER)
        assert refusal(site.verifier(), held.token) == "token.invalid"
