"""FT-23: workers that were forked from one process, which had made secrets before, never make the same one.

A generator that is seeded once, and copied by the fork, would give every child the same secrets. Each child makes
secrets of every kind and writes down the digest of each; the parent looks for two that are equal.
"""

import os
import time
from collections.abc import Callable, Iterator
from hashlib import blake2b
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Final

from coatcheck.model.identifiers import SESSION, new_identifier
from coatcheck.passwords.devices import DeviceTokens
from coatcheck.tokens.api_key import KeyTokens
from coatcheck.tokens.derivation import Secrets
from coatcheck.tokens.opaque import SESSION_PREFIX, OpaqueTokens
from coatcheck.tokens.refresh import RefreshTokens

SECRET: Final = "for-tests-alone-3kQ9vTz7Lw2XsYb8RcUeGhJmNpAdFo"
CHILDREN: Final = 8

_DIGEST: Final = 16
_PARTS: Final = 64
"""Digests are compared a part at a time, by their first byte, for the sake of memory."""


def makers() -> list[Callable[[], str]]:
    """One for each kind of secret, and one for identifiers."""
    secrets = Secrets([SECRET])
    opaque, keys, refresh = OpaqueTokens(SESSION_PREFIX, secrets), KeyTokens("cck", secrets), RefreshTokens(secrets)
    devices, session_id = DeviceTokens(secrets.current("devices").key), new_identifier(SESSION)
    return [
        opaque.issue,
        keys.issue,
        lambda: refresh.first(session_id).text,
        lambda: devices.issue("usr_one", "mark"),
        lambda: new_identifier(SESSION),
    ]


def run(folder: Path, *, tokens: int, made_by: Callable[[], list[Callable[[], str]]] = makers) -> dict[str, Any]:
    """So many from all children together. Raises AssertionError when there are two that are the same."""
    began = time.monotonic()
    kinds = made_by()
    for make in kinds:
        make()  # before the fork: whatever keeps a state has one by now
    children = [_fork(folder / f"child{number}", kinds, tokens // CHILDREN) for number in range(CHILDREN)]
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    assert codes == [0] * CHILDREN, codes
    made = repeated = 0
    for part in range(_PARTS):
        digests = [digest for child in range(CHILDREN) for digest in _read(folder / f"child{child}" / str(part))]
        made += len(digests)
        repeated += len(digests) - len(set(digests))
    assert made == tokens // CHILDREN * CHILDREN, made
    assert repeated == 0, f"{repeated} of {made} were made twice"
    return {
        "forked workers": CHILDREN,
        "secrets and identifiers": made,
        "made twice": repeated,
        "seconds": round(time.monotonic() - began),
    }


def _fork(folder: Path, kinds: list[Callable[[], str]], tokens: int) -> int:
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        folder.mkdir()
        parts = [bytearray() for _ in range(_PARTS)]
        for make in islice(cycle(kinds), tokens):
            digest = blake2b(make().encode(), digest_size=_DIGEST).digest()
            parts[digest[0] % _PARTS] += digest
        for number, part in enumerate(parts):
            (folder / str(number)).write_bytes(part)
        code = 0
    finally:
        os._exit(code)


def _read(path: Path) -> Iterator[bytes]:
    data = path.read_bytes()
    return (data[at : at + _DIGEST] for at in range(0, len(data), _DIGEST))
