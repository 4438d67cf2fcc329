"""JW-48: learning a tag letter by letter from the time that a comparison takes (OWASP ASVS 11.2.4).

Measuring this on a busy machine shows nothing either way. So it is shown that ``compare_digest``, whose time does not
depend on where two texts differ, alone decides: once it says yes, a forgery passes.
"""

from collections.abc import Callable
from types import ModuleType

import pytest

from coatcheck.errors import TokenInvalid
from coatcheck.model.identifiers import SESSION, new_identifier
from coatcheck.model.key import Algorithm
from coatcheck.tokens import opaque, refresh, signatures
from coatcheck.tokens.base64url import decode, encode
from coatcheck.tokens.jwt import verify
from coatcheck.tokens.opaque import OpaqueTokens
from coatcheck.tokens.refresh import RefreshTokens
from tests.tokens.specimens import SECRETS, find_key, token

SESSIONS = OpaqueTokens("ccs", SECRETS)
REFRESHES = RefreshTokens(SECRETS)


def forged(text: bytes, start: int) -> bytes:
    """The same token with its last byte changed."""
    body = decode(text[start:])
    return text[:start] + encode(body[:-1] + bytes((body[-1] ^ 1,)))


def passes(reader: Callable[[bytes], object], text: bytes) -> bool:
    try:
        return reader(text) is not False
    except TokenInvalid:
        return False


JWT = token(Algorithm.HS256)
READERS: list[tuple[ModuleType, Callable[[bytes], object], bytes]] = [
    (opaque, SESSIONS.is_genuine, forged(SESSIONS.issue().encode(), 4)),
    (refresh, REFRESHES.read, forged(REFRESHES.first(new_identifier(SESSION)).text.encode(), 4)),
    (signatures, lambda text: verify(text, find_key), forged(JWT, JWT.rindex(b".") + 1)),
]


@pytest.mark.parametrize(("module", "reader", "text"), READERS, ids=["session", "refresh", "HS256"])
def test_a_tag_is_compared_in_constant_time_and_in_no_other_way(
    module: ModuleType, reader: Callable[[bytes], object], text: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not passes(reader, text)
    compared: list[tuple[bytes, bytes]] = []

    def always_equal(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return True

    monkeypatch.setattr(module, "compare_digest", always_equal)
    assert passes(reader, text)
    assert len(compared) == 1
    assert len(compared[0][0]) == len(compared[0][1])
