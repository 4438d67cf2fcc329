"""JC-09, OA-21: an API key or a session token for one audience is shown to a service that is called something else.

The secret of the service may ask about both, since the service has both audiences; each of its Verifiers has one.
"""

from coatcheck.model.session import Carry
from coatcheck.settings import TokenSettings
from tests.verify.site import refusal, trusting

BOTH = TokenSettings(audiences=("orders", "billing"))


def test_a_verifier_refuses_an_api_key_and_a_session_token_for_another_audience_of_its_service() -> None:
    with trusting(audiences=("orders", "billing"), tokens=BOTH) as site:
        held = site.log_in(carry=Carry.HEADER, audience="billing")
        made = site.server.run(site.auth.api_keys.create(held.user_id, "a script", audience="billing"))
        orders, billing = site.verifier(), site.verifier(audience="billing", name="there")
        for token in (held.token, made.secret or ""):
            assert refusal(orders, token) == "token.invalid"
            assert billing.check(token).user_id == held.user_id
            assert refusal(orders, token) == "token.invalid"
