"""Password hashes made elsewhere: verified once, then the login replaces them with Argon2id.

Read are bcrypt (``$2a$``, ``$2b$``, ``$2y$``, and Django's ``bcrypt$`` and ``bcrypt_sha256$``), Django's
``pbkdf2_sha256$`` and ``pbkdf2_sha1$``, and scrypt as Django (``scrypt$``) or the PHC format (``$scrypt$``) writes it.
Whatever else it is, and whatever asks for more work than the bounds allow, opens nothing: a hash in an imported file is
as untrusted as the file.

A password with a NUL opens no foreign hash, nor one over 72 bytes a bcrypt hash: bcrypt stops reading there, and HMAC,
inside PBKDF2 and scrypt, can't tell trailing NULs from none, so other passwords than the person's would open them too.
"""

import hmac
import re
from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import pbkdf2_hmac, scrypt, sha256
from importlib.util import find_spec
from logging import getLogger
from string import ascii_lowercase, ascii_uppercase, digits
from typing import Final

from coatcheck.errors import LoginBusy

_LONGEST: Final = 512
_BCRYPT_BYTES: Final = 72
_BCRYPT_COSTS: Final = range(4, 16)
_BCRYPT_ALPHABET: Final = "./" + ascii_uppercase + ascii_lowercase + digits
_BCRYPT_SALT_PADDING: Final = 4
_BCRYPT_DIGEST_PADDING: Final = 2
"""Bits at the end of the last character that stand for nothing: 22 characters for 16 bytes, 31 for 23."""

_PBKDF2_ITERATIONS: Final = range(1, 5_000_001)
_SCRYPT_MEMORY: Final = 256 * 1024 * 1024
_SCRYPT_WORK: Final = 1 << 22
_DIGEST_BYTES: Final = range(16, 129)

_BCRYPT: Final = re.compile(
    r"(?:(bcrypt|bcrypt_sha256)\$)?(\$2[aby]\$([0-9]{2})\$)([./A-Za-z0-9]{22})([./A-Za-z0-9]{31})"
)
_PBKDF2: Final = re.compile(r"pbkdf2_(sha256|sha1)\$([0-9]{1,9})\$([^$]{1,128})\$([A-Za-z0-9+/]+={0,2})")
_DJANGO_SCRYPT: Final = re.compile(
    r"scrypt\$([0-9]{1,9})\$([^$]{1,128})\$([0-9]{1,4})\$([0-9]{1,4})\$([A-Za-z0-9+/]+={0,2})"
)
_PHC_SCRYPT: Final = re.compile(
    r"\$scrypt\$ln=([0-9]{1,2}),r=([0-9]{1,4}),p=([0-9]{1,4})\$([A-Za-z0-9+/]{1,128})\$([A-Za-z0-9+/]+)"
)

_log = getLogger("coatcheck.passwords")


@dataclass(frozen=True, slots=True, repr=False)
class _Foreign:
    """A foreign hash that was read: how much work it is, and how it is done."""

    work: str
    verify: Callable[[bytes], bool]


def work_of(password_hash: str) -> str | None:
    """Name scheme and cost, such as ``bcrypt$12``; None for what is not read here. Equal names take equal time."""
    read = _read(password_hash)
    return read.work if read else None


def is_work(work: str) -> bool:
    """True when ``work`` is a name as ``work_of`` returns it."""
    return work_of(_sample(work)) == work


def is_verifiable(work: str) -> bool:
    """False when ``work`` needs a library that is not installed."""
    return not work.startswith("bcrypt$") or find_spec("bcrypt") is not None


def verify_foreign(password_hash: str, password: str) -> bool:
    """True when ``password`` is the one behind a foreign hash. False for everything else, whatever the hash is.

    Raises LoginBusy when there is no memory for it.
    """
    read = _read(password_hash)
    # The work is done before the NUL counts, so that such a password takes as long as another.
    return read is not None and _matches(read, password) and "\0" not in password


def work_like(work: str, password: str) -> None:
    """Do what ``work`` (see ``work_of``) costs and learn nothing by it.

    What ``is_work`` does not know costs nothing. Raises LoginBusy when there is no memory for it.
    """
    if read := _read(_sample(work)):
        _matches(read, password)


def _matches(read: _Foreign, password: str) -> bool:
    try:
        return read.verify(password.encode())
    except MemoryError:
        raise LoginBusy from None
    except ValueError:  # what a library of this machine admits may be less than what is read here
        _log.warning("Imported hashes of %s can't be verified: a library of this machine refuses them.", read.work)
        return False


def _sample(work: str) -> str:
    """A hash of nobody's password that costs ``work``."""
    scheme, _, parameters = work.partition("$")
    digest = b64encode(bytes(64 if scheme == "scrypt" else 20 if scheme == "pbkdf2_sha1" else 32)).decode("ascii")
    if scheme == "bcrypt":
        return f"$2b${parameters}$" + "." * 53
    if scheme == "scrypt":
        n, _, rest = parameters.partition("$")
        return f"scrypt${n}$salt${rest}${digest}"
    return f"{scheme}${parameters}$salt${digest}"


def _read(text: str) -> _Foreign | None:
    if len(text) > _LONGEST:
        return None
    try:
        if match := _BCRYPT.fullmatch(text):
            salt = _without_padding(match[4], _BCRYPT_SALT_PADDING)
            digest = _without_padding(match[5], _BCRYPT_DIGEST_PADDING)
            return _bcrypt(match[1] == "bcrypt_sha256", match[2] + salt + digest, int(match[3]))
        if match := _PBKDF2.fullmatch(text):
            return _pbkdf2(match[1], int(match[2]), match[3].encode(), b64decode(match[4], validate=True))
        if match := _DJANGO_SCRYPT.fullmatch(text):
            n, r, p = int(match[1]), int(match[3]), int(match[4])
            return _scrypt(n, r, p, match[2].encode(), b64decode(match[5], validate=True))
        if match := _PHC_SCRYPT.fullmatch(text):
            n, r, p = 1 << int(match[1]), int(match[2]), int(match[3])
            return _scrypt(n, r, p, unpadded(match[4]), unpadded(match[5]))
    except (Error, UnicodeEncodeError):
        return None
    return None


def unpadded(text: str) -> bytes:
    """The bytes behind base64 without padding. Raises binascii.Error, a ValueError."""
    return b64decode(text + "=" * (-len(text) % 4), validate=True)


def _without_padding(text: str, bits: int) -> str:
    """``text`` with its padding cleared. Old libraries left something there, and new ones refuse or miss it."""
    return text[:-1] + _BCRYPT_ALPHABET[_BCRYPT_ALPHABET.index(text[-1]) >> bits << bits]


def _bcrypt(hashed_first: bool, stored: str, cost: int) -> _Foreign | None:
    if cost not in _BCRYPT_COSTS:
        return None

    def verify(password: bytes) -> bool:
        try:
            import bcrypt
        except ImportError:
            _log.warning("An imported bcrypt hash can't be verified: install coatcheck[import].")
            return False
        data = sha256(password).hexdigest().encode() if hashed_first else password
        # bcrypt refuses what it would cut off, and its copy in C ends at a NUL: the caller refuses those.
        return bcrypt.checkpw(data[:_BCRYPT_BYTES], stored.encode()) and len(data) <= _BCRYPT_BYTES

    return _Foreign(f"bcrypt${cost:02}", verify)


def _pbkdf2(name: str, iterations: int, salt: bytes, digest: bytes) -> _Foreign | None:
    if iterations not in _PBKDF2_ITERATIONS or len(digest) != {"sha256": 32, "sha1": 20}[name]:
        return None
    return _Foreign(
        f"pbkdf2_{name}${iterations}",
        lambda password: hmac.compare_digest(pbkdf2_hmac(name, password, salt, iterations), digest),
    )


def _scrypt(n: int, r: int, p: int, salt: bytes, digest: bytes) -> _Foreign | None:
    memory = 128 * r * (n + p + 2)
    if n.bit_length() > 16 * r:  # RFC 7914, section 6: less than 2^(128 * r / 8)
        return None
    if n < 2 or n & (n - 1) or r < 1 or p < 1 or memory > _SCRYPT_MEMORY or n * r * p > _SCRYPT_WORK:
        return None
    if len(digest) not in _DIGEST_BYTES:
        return None

    def verify(password: bytes) -> bool:
        made = scrypt(password, salt=salt, n=n, r=r, p=p, maxmem=memory + 1024 * 1024, dklen=len(digest))
        return hmac.compare_digest(made, digest)

    return _Foreign(f"scrypt${n}${r}${p}", verify)
