"""Secrets that everybody knows: from tutorials, sample configurations and code that was published with its secret.

``known_secrets.bin`` holds, sorted, the first eight bytes of the SHA-256 of those 1,801 entries of
github.com/wallarm/jwt-secrets (103,979 lines, commit 99e2360ba335) that are otherwise long and varied enough
for us. Licence: MIT, in ``known_secrets.LICENSE.txt``. It was made by::

    import hashlib, pathlib
    lines = pathlib.Path("jwt.secrets.list").read_text(encoding="utf-8").split("\\n")
    known = {line for line in lines if len(line) >= 32 and len(set(line)) >= 10}
    digests = sorted(hashlib.sha256(line.encode()).digest()[:8] for line in known)
    pathlib.Path("known_secrets.bin").write_bytes(b"".join(digests))
"""

from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Final

_BYTES: Final = 8


def is_known(secret: str) -> bool:
    """True when ``secret`` has been published as an example or by accident."""
    return sha256(secret.encode("utf-8")).digest()[:_BYTES] in _known()


@cache
def _known() -> frozenset[bytes]:
    packed = files("coatcheck.tokens").joinpath("known_secrets.bin").read_bytes()
    return frozenset(packed[at : at + _BYTES] for at in range(0, len(packed), _BYTES))
