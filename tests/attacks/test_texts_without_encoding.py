"""HT-05: a token that no encoding can write: half a surrogate pair, or what is not in Latin-1, as WSGI promises.

It is refused like any other nonsense: an exception that nobody expects would be a 500, or leave a log full of them.
"""

from collections.abc import Iterator

import pytest

from coatcheck.errors import TokenInvalid
from coatcheck.verify import Verifier
from coatcheck.verify.wsgi import VerifierMiddleware, current
from tests.site import running
from tests.verify.site import refusal

NONSENSE = ("\ud800", "ccs_\udc80", "eyJ\ud800.a.b", "\u20ac")


@pytest.mark.anyio
@pytest.mark.parametrize("text", NONSENSE)
async def test_auth_refuses_it(text: str) -> None:
    async with running() as site:
        with pytest.raises(TokenInvalid):
            await site.auth.check(text)
        with pytest.raises(TokenInvalid):
            await site.auth.refresh(text)
        assert site.auth.session_named_by(text) is None


@pytest.fixture
def verifier() -> Iterator[Verifier]:
    with Verifier("http://localhost:9", audience="orders", credential="ccx_never_asked") as made:
        yield made


@pytest.mark.parametrize("text", NONSENSE)
def test_a_verifier_refuses_it(verifier: Verifier, text: str) -> None:
    assert refusal(verifier, text) == "token.invalid"


@pytest.mark.parametrize("text", NONSENSE)
@pytest.mark.parametrize("header", ["HTTP_AUTHORIZATION", "HTTP_COOKIE", "HTTP_ORIGIN"])
def test_a_wsgi_application_answers_401(verifier: Verifier, header: str, text: str) -> None:
    said: list[str] = []

    def application(environ, _):
        return [(current(environ).user_id or "").encode()]

    asked = {"REQUEST_METHOD": "GET", header: f"Bearer {text}"}
    served = VerifierMiddleware(application, verifier, origins=["https://app.example.com"])
    served(asked, lambda status, _: said.append(status))
    assert said == ["401 Unauthorized"]
