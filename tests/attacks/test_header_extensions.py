"""JW-32, JW-33, JW-41, JW-43: ``crit``, ``b64``, ``cty`` and ``zip``: headers that change what a token means.

CVE-2025-59420, CVE-2026-32597: ``crit`` was ignored. Here a header has three members; a fourth of any name is refused.
"""

import tracemalloc
import zlib
from typing import Any

import pytest

from coatcheck.model.key import Algorithm
from coatcheck.tokens.base64url import encode
from tests.tokens.specimens import always, assert_refused, compact, header, signer, token


@pytest.mark.parametrize(
    "crit",
    [["b64"], ["exp"], ["alg"], ["kid"], ["x-unknown"], ["alg", "alg"], [], "b64", None, {}, [1], [None], True, 0],
)
def test_crit_is_refused_whatever_it_names(crit: Any) -> None:
    assert_refused(compact(header(crit=crit)))
    assert_refused(compact(header(crit=crit, b64=True, **{"x-unknown": 1})))


@pytest.mark.parametrize("b64", [False, True, None, "false", 0])
def test_b64_is_refused_with_and_without_crit(b64: Any) -> None:
    assert_refused(compact(header(b64=b64)))
    assert_refused(compact(header(b64=b64, crit=["b64"])))


def test_an_unencoded_payload_is_refused() -> None:
    head = compact(header(b64=False, crit=["b64"])).partition(b".")[0]
    message = head + b'.{"sub":"usr_1"}'
    assert_refused(message + b"." + encode(signer(Algorithm.ES256).sign(message)))


@pytest.mark.parametrize("cty", ["JWT", "jwt", "application/json", ""])
def test_a_nested_token_is_not_unwrapped(cty: str) -> None:
    inner = compact({"alg": "none"}, sign_with=always(b""))
    assert_refused(compact(header(cty=cty), inner))
    assert_refused(compact(header(), inner))
    assert_refused(compact(header(), token()))


def test_a_compressed_payload_is_not_inflated() -> None:
    bomb = zlib.compress(bytes(4_000_000), 9)[2:-4]
    assert len(bomb) < 5000
    packed = compact(header(zip="DEF"), bomb)
    tracemalloc.start()
    assert_refused(packed)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 500_000


@pytest.mark.parametrize("name", ["Alg", "ALG", "aud", "sub", "iss", "exp", "x", "", "kid ", "url", "nonce", "ver"])
def test_any_other_member_is_refused(name: str) -> None:
    assert_refused(compact(header(**{name: "HS256"})))
