"""JW-44: tokens of kilobytes and megabytes are refused before anything in them is decoded."""

import tracemalloc

import pytest

from coatcheck.errors import TokenInvalid
from coatcheck.model.key import Algorithm
from coatcheck.tokens.jws import sign_compact
from coatcheck.tokens.jwt import verify
from coatcheck.tokens.opaque import SESSION_PREFIX, OpaqueTokens
from coatcheck.tokens.refresh import RefreshTokens
from tests.tokens.specimens import SECRETS, find_key, signer

SIZES = [8_193, 65_536, 1_000_000, 20_000_000]


def peak_of(size: int, start: bytes) -> int:
    """The memory that refusing a token of ``size`` bytes takes."""
    text = start + b"A" * (size - len(start))
    tracemalloc.start()
    try:
        with pytest.raises(TokenInvalid):
            verify(text, find_key)
        with pytest.raises(TokenInvalid):
            RefreshTokens(SECRETS).read(text)
        assert not OpaqueTokens(SESSION_PREFIX, SECRETS).is_genuine(text)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("start", [b"", b"eyJhbGciOiJFUzI1NiJ9.", b"eyJ.A.", b"ccs_", b"ccr_", b"." * 8000])
@pytest.mark.parametrize("size", SIZES)
def test_refusing_a_huge_token_takes_no_memory(size: int, start: bytes) -> None:
    assert peak_of(size, start) < 100_000


def test_even_a_genuine_token_is_refused_when_it_is_too_long() -> None:
    huge = sign_compact(b" " * 100_000, "at+jwt", signer(Algorithm.ES256))
    with pytest.raises(TokenInvalid):
        verify(huge, find_key)
