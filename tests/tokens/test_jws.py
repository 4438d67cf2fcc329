import pytest

from coatcheck.errors import TokenInvalid
from coatcheck.model.key import Algorithm
from coatcheck.tokens import jws
from coatcheck.tokens.jws import MAX_BYTES, sign_compact
from tests.tokens.specimens import compact, header, signer, verification_key
from tests.vectors.verify_signature import verify_signature

KEY = verification_key(Algorithm.ES256)


def test_any_payload_of_any_type_is_signed_and_verified() -> None:
    for payload in (b"", b"{}", bytes(range(256))):
        assert verify_signature(sign_compact(payload, "secevent+jwt", signer(Algorithm.ES256)), KEY) == payload


def test_kid_and_typ_may_be_missing_where_the_key_is_given() -> None:
    assert verify_signature(compact({"alg": "ES256"}, b"text"), KEY) == b"text"


def test_a_kid_that_is_there_must_be_that_of_the_key() -> None:
    with pytest.raises(TokenInvalid):
        verify_signature(compact({"alg": "ES256", "kid": "key_other"}, b"text"), KEY)


def test_a_longer_token_than_eight_kilobytes_is_refused_even_if_it_is_genuine() -> None:
    signing = signer(Algorithm.ES256)
    room = (MAX_BYTES - len(sign_compact(b"", "at+jwt", signing))) * 3 // 4
    longest = sign_compact(bytes(room), "at+jwt", signing)
    assert MAX_BYTES - 2 <= len(longest) <= MAX_BYTES
    assert verify_signature(longest, KEY) == bytes(room)
    with pytest.raises(TokenInvalid):
        verify_signature(sign_compact(bytes(room + 2), "at+jwt", signing), KEY)


def test_headers_are_remembered_only_with_a_good_signature_and_never_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(jws, "_remembered", {})
    for number in range(1000):
        with pytest.raises(TokenInvalid):
            verify_signature(compact(header(typ=f"t{number}"), sign_with=lambda _: bytes(64)), KEY)
    assert jws._remembered == {}
    for number in range(1000):
        head = header(Algorithm.HS256, typ=f"t{number}")
        verify_signature(compact(head, b"", Algorithm.HS256), verification_key(Algorithm.HS256))
    assert 0 < len(jws._remembered) <= 256
