"""JW-35, JW-36, JW-42, JW-45: other serialisations, other numbers of segments, encrypted and detached tokens."""

import json
from typing import Any

import pytest

from coatcheck.model.key import Algorithm
from coatcheck.tokens.base64url import encode
from tests.tokens.specimens import assert_refused, compact, header, signer, token

HEAD, PAYLOAD, SIGNATURE = (segment.decode() for segment in token().split(b"."))


@pytest.mark.parametrize(
    "said",
    [
        {"protected": HEAD, "payload": PAYLOAD, "signature": SIGNATURE},
        {"payload": PAYLOAD, "signatures": [{"protected": HEAD, "signature": SIGNATURE}]},
        {"payload": PAYLOAD, "signatures": [{"header": {"alg": "none"}, "protected": HEAD, "signature": SIGNATURE}]},
        {"header": {"alg": "none"}, "payload": PAYLOAD, "signature": ""},
        {"token": f"{HEAD}.{PAYLOAD}.{SIGNATURE}"},
        pytest.param(f"{HEAD}.{PAYLOAD}.{SIGNATURE}", id="compact, as a string"),
        [HEAD, PAYLOAD, SIGNATURE],
    ],
)
def test_a_json_serialisation_is_refused(said: Any) -> None:
    assert_refused(json.dumps(said).encode())
    assert_refused(json.dumps(said, separators=(",", ":")).encode())


def test_a_compact_token_wrapped_in_json_is_refused() -> None:
    for wrapped in (f'{{"protected":"{HEAD}","x":".{PAYLOAD}.{SIGNATURE}', f'{{"a":"{HEAD}.{PAYLOAD}.{SIGNATURE}"}}'):
        assert_refused(wrapped.encode())


@pytest.mark.parametrize("count", [1, 2, 4, 5, 1000])
def test_another_number_of_segments_is_refused(count: int) -> None:
    segments = (token().split(b".") * count)[:count]
    assert_refused(b".".join(segments))
    assert_refused(b"." * (count - 1))


@pytest.mark.parametrize("added", [b".", b"..", b".AAAA", b"AAAA."])
def test_a_dot_or_segment_added_at_either_end_is_refused(added: bytes) -> None:
    assert_refused(token() + added)
    assert_refused(added + token())


def test_a_token_of_nothing_is_refused() -> None:
    for text in (b"", b".", b"..", b"...", b"eyJ", b" ", b"\0"):
        assert_refused(text)


def test_a_dot_inside_a_segment_is_not_overlooked() -> None:
    head, payload, _ = token().split(b".")
    message = head + b".AA." + payload
    assert_refused(message + b"." + encode(signer(Algorithm.ES256).sign(message)))


def test_a_detached_payload_is_refused() -> None:
    head, _, signature = token().split(b".")
    assert_refused(head + b".." + signature)
    assert_refused(compact(header(), b""))


@pytest.mark.parametrize("alg", ["dir", "RSA-OAEP", "RSA1_5", "A256KW", "ECDH-ES", "PBES2-HS256+A128KW"])
def test_an_encrypted_token_is_refused(alg: str) -> None:
    five = [encode(json.dumps({"alg": alg, "enc": "A256GCM", "kid": "key_rs256", "p2c": 10**9}).encode())]
    five += [encode(bytes(32)), encode(bytes(12)), encode(bytes(100)), encode(bytes(16))]
    assert_refused(b".".join(five))
    assert_refused(b".".join(five[:3]))
