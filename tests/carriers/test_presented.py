"""From raw headers to one credential, or the reason why there is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coatcheck.carriers.cookies import Cookie, CookieNames
from coatcheck.carriers.presented import LONGEST, NotPresented, Presented, present
from coatcheck.errors import CredentialRefused, TokenInvalid, TokenMissing, TokenWrongKind
from coatcheck.model.principal import CarriedBy

NAMES = CookieNames.of(is_local=False, port=443, path="/auth")
SESSION, JWT = b"ccs_abc", b"eyJhbGciOi.eyJzdWIi.c2ln"


def request(authorization: bytes | None = None, cookie: bytes | None = None) -> list[tuple[bytes, bytes]]:
    headers = [(b"host", b"app.example.com"), (b"accept", b"*/*")]
    if authorization is not None:
        headers.append((b"authorization", authorization))
    if cookie is not None:
        headers.append((b"cookie", cookie))
    return headers


def refusal(headers: list[tuple[bytes, bytes]]) -> tuple[type[CredentialRefused], tuple[Cookie, ...]]:
    found = present(headers, NAMES)
    assert isinstance(found, NotPresented)
    return type(found.error), found.clear


@pytest.mark.parametrize("token", [SESSION, JWT])
def test_a_bearer_token_is_presented_by_the_header(token: bytes) -> None:
    assert present(request(b"Bearer " + token), NAMES) == Presented(token, CarriedBy.HEADER)


def test_a_session_cookie_is_presented() -> None:
    found = present(request(cookie=b"a=1; __Host-coatcheck=" + SESSION), NAMES)
    assert found == Presented(SESSION, CarriedBy.COOKIE, NAMES.session)


def test_an_access_cookie_is_presented() -> None:
    found = present(request(cookie=b"__Host-coatcheck-access=" + JWT), NAMES)
    assert found == Presented(JWT, CarriedBy.COOKIE, NAMES.access)


def test_the_session_cookie_decides_over_the_access_cookie() -> None:
    cookie = b"__Host-coatcheck-access=" + JWT + b"; __Host-coatcheck=" + SESSION
    found = present(request(cookie=cookie), NAMES)
    assert found == Presented(SESSION, CarriedBy.COOKIE, NAMES.session)


def test_the_header_decides_over_the_cookies() -> None:
    found = present(request(b"Bearer " + JWT, b"__Host-coatcheck=" + SESSION), NAMES)
    assert found == Presented(JWT, CarriedBy.HEADER)


@pytest.mark.parametrize("authorization", [b"Bearer", b"Bearer ", b"Bearer rubbish", b"Bearer a b", b"Bearer ccr_abc"])
def test_cookies_are_no_fallback_for_a_bad_bearer_token(authorization: bytes) -> None:
    error, clear = refusal(request(authorization, b"__Host-coatcheck=" + SESSION))
    assert error in (TokenInvalid, TokenWrongKind)
    assert clear == ()


@pytest.mark.parametrize("authorization", [b"Basic YTpi", b"Negotiate abc", b"BearerX abc", b"", b"Digest a=b, c=d"])
def test_another_scheme_is_not_ours_and_cookies_work_beside_it(authorization: bytes) -> None:
    assert refusal(request(authorization)) == (TokenMissing, ())
    found = present(request(authorization, b"__Host-coatcheck=" + SESSION), NAMES)
    assert found == Presented(SESSION, CarriedBy.COOKIE, NAMES.session)


def test_nothing_at_all_is_a_missing_token() -> None:
    assert refusal([]) == (TokenMissing, ())
    assert refusal(request()) == (TokenMissing, ())
    assert refusal(request(cookie=b"theme=dark")) == (TokenMissing, ())


@pytest.mark.parametrize("token", [b"ccr_abc", b"ccx_abc"])
def test_what_is_for_our_own_endpoints_is_of_the_wrong_kind_elsewhere(token: bytes) -> None:
    """A refresh token, and the secret of a service: neither is shown to an application."""
    assert refusal(request(b"Bearer " + token)) == (TokenWrongKind, ())


def test_an_api_key_travels_in_the_header_only() -> None:
    assert present(request(b"Bearer cck_abc"), NAMES) == Presented(b"cck_abc", CarriedBy.HEADER)
    for name in (NAMES.session, NAMES.access):
        assert refusal(request(cookie=name.name.encode() + b"=cck_abc")) == (TokenInvalid, (name,))


@pytest.mark.parametrize("token", [b"", b"abc", b"cc_abc", b"eyJabc", b"eyJa.b", b"eyJa.b.c.d", b"a.b.c", b"CCS_abc"])
def test_a_token_of_no_known_form_is_invalid(token: bytes) -> None:
    assert refusal(request(b"Bearer " + token)) == (TokenInvalid, ())


@pytest.mark.parametrize("token", [JWT, b"ccr_abc", b"cck_abc", b"", b'"ccs_abc"'])
def test_the_session_cookie_carries_only_session_tokens(token: bytes) -> None:
    assert refusal(request(cookie=b"__Host-coatcheck=" + token)) == (TokenInvalid, (NAMES.session,))


@pytest.mark.parametrize("token", [SESSION, b"ccr_abc", b"cck_abc", b""])
def test_the_access_cookie_carries_only_access_tokens(token: bytes) -> None:
    assert refusal(request(cookie=b"__Host-coatcheck-access=" + token)) == (TokenInvalid, (NAMES.access,))


@pytest.mark.parametrize("start", [b"ccs_", b"eyJa.b."])
def test_the_longest_token_is_presented_and_a_longer_one_is_invalid(start: bytes) -> None:
    longest = start.ljust(LONGEST, b"a")
    assert present(request(b"Bearer " + longest), NAMES) == Presented(longest, CarriedBy.HEADER)
    assert refusal(request(b"Bearer " + longest + b"a")) == (TokenInvalid, ())
    cookie = NAMES.session if start == b"ccs_" else NAMES.access
    assert present(request(cookie=cookie.start + longest), NAMES) == Presented(longest, CarriedBy.COOKIE, cookie)
    assert refusal(request(cookie=cookie.start + longest + b"a")) == (TokenInvalid, (cookie,))


def test_neither_a_refresh_nor_a_device_cookie_is_a_credential() -> None:
    assert (
        refusal(request(cookie=b"__Secure-coatcheck-refresh=ccr_a; __Host-coatcheck-device=ccd_a"))[0] is TokenMissing
    )


def test_the_record_does_not_show_the_token() -> None:
    assert "abc" not in repr(present(request(b"Bearer " + SESSION), NAMES))


WORDS = [b"Bearer", b"bearer ", b"Basic ", b" ", b"  ", b"\t", b",", b";", b"; ", b"=", b".", b"ccs_a", b"ccr_b", JWT]
WORDS += [b"__Host-coatcheck=", b"__Host-coatcheck-access=", b"\x00", b"\xa0", b'"', b"x"]
VALUES = st.lists(st.sampled_from(WORDS), max_size=8).map(b"".join) | st.binary(max_size=60)
LINES = st.tuples(st.sampled_from([b"cookie", b"authorization", b"host", b""]), VALUES)


@given(st.lists(LINES, max_size=6))
def test_any_headers_give_one_well_formed_credential_or_a_reason(headers: list[tuple[bytes, bytes]]) -> None:
    found = present(headers, NAMES)
    if isinstance(found, NotPresented):
        assert isinstance(found.error, CredentialRefused)
        return
    assert found.token.startswith((b"ccs_", b"eyJ"))
    bearers = [value for name, value in headers if name == b"authorization" and value[:7].lower() == b"bearer "]
    assert (found.carried_by is CarriedBy.HEADER) == bool(bearers)
    assert (found.cookie is None) == bool(bearers)
