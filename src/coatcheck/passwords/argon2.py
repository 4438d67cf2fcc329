"""Argon2id (RFC 9106; OWASP Password Storage Cheat Sheet), and an equal effort for everybody who knocks.

What is equal, so that the time of an answer does not tell who has an account (OWASP ASVS 6.3.8): ``verify`` does one
Argon2id computation at the current parameters for an unknown user (None), a user without a password (None), a hash that
can't be read, and a hash made with the current parameters, right or wrong. A suspended user is verified like any other.

What differs, until its next login replaces it: a hash made with other parameters, and an imported one. It costs its own
work on top. ``PasswordSettings.imported_schemes`` makes that equal too: each login then does the work of every scheme
named there.
"""

import re
from base64 import b64encode
from secrets import token_bytes
from typing import Final

import argon2
from argon2.exceptions import HashingError, VerificationError, VerifyMismatchError

from coatcheck.errors import LoginBusy, Misconfigured
from coatcheck.passwords.foreign import is_verifiable, is_work, unpadded, verify_foreign, work_like, work_of
from coatcheck.settings import PasswordSettings

_STORED: Final = re.compile(
    r"\$(argon2id|argon2i)\$v=19\$m=([1-9][0-9]{0,8}),t=([1-9][0-9]{0,4}),p=([1-9][0-9]{0,2})"
    r"\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{22,86})"
)
_WORK: Final = re.compile(r"(argon2id|argon2i)\$([0-9]{1,9})\$([0-9]{1,5})\$([0-9]{1,3})")
_DJANGO: Final = "argon2"
"""Django writes its own name of the scheme before the PHC string."""

_MOST_MEMORY_KIB: Final = 256 * 1024
_MOST_KIB_PASSES: Final = 4 * _MOST_MEMORY_KIB
_MOST_LANES: Final = 16
_SALT_BYTES: Final = 16
_HASH_BYTES: Final = 32


class PasswordHasher:
    """Makes and verifies password hashes. Passwords are handed in as ``policy.prepare`` returned them.

    ``hash``, ``verify`` and ``pretend`` take tens of milliseconds of a whole core and belong into a HashingPool.

    Raises Misconfigured when the parameters are not possible.
    """

    def __init__(self, settings: PasswordSettings) -> None:
        memory, passes, lanes = settings.memory_kib, settings.iterations, settings.parallelism
        if passes < 1 or lanes < 1 or memory < 8 * lanes:
            raise Misconfigured("passwords: Argon2 needs iterations and parallelism of 1, and memory_kib of 8 per lane")
        self._most_memory = max(_MOST_MEMORY_KIB, memory)
        self._most_work = max(_MOST_KIB_PASSES, memory * passes)
        self._most_lanes = max(_MOST_LANES, lanes)
        self._argon2 = argon2.PasswordHasher(passes, memory, lanes, _HASH_BYTES, _SALT_BYTES, type=argon2.Type.ID)
        self._ours = f"argon2id${memory}${passes}${lanes}"
        self._nobodys = _nobodys(self._ours)
        for work in settings.imported_schemes:
            if not self._is_work(work):
                raise Misconfigured(f"passwords.imported_schemes: {work!r} is not known; write it like 'bcrypt$12'")
            if not is_verifiable(work):
                raise Misconfigured(f"passwords.imported_schemes: {work!r} needs more: pip install 'coatcheck[import]'")
        self._imported = tuple(work for work in settings.imported_schemes if work != self._ours)

    def hash(self, password: str) -> str:
        """Return a PHC string with a fresh salt. Raises LoginBusy when there is no memory for it."""
        try:
            return self._argon2.hash(password)
        except HashingError:
            raise LoginBusy from None

    def verify(self, password_hash: str | None, password: str) -> bool:
        """True when ``password`` is the one behind ``password_hash``; None, for "no such user", costs the same.

        A hash whose parameters are beyond the bounds opens nothing and gets no memory: 256 MiB, 16 lanes, 1 GiB times
        passes, or what the settings say if that is more. Raises LoginBusy when there is no memory for one within them.
        """
        work = None if password_hash is None else self.work_of(password_hash)
        for each in self._imported:
            if each != work:
                self._work_like(each, password)
        if password_hash is None or work is None:
            self.pretend(password)
            return False
        if work == self._ours:
            return self._matches(password_hash, password)
        right = (self._matches if _WORK.fullmatch(work) else verify_foreign)(password_hash, password)
        self.pretend(password)
        return right

    def work_of(self, password_hash: str) -> str | None:
        """Name scheme and cost of a hash as ``imported_schemes`` does, such as ``bcrypt$12``; None for one that opens
        nothing here. Equal names take equal time."""
        match = _STORED.fullmatch(password_hash.removeprefix(_DJANGO))
        if match is None:
            return work_of(password_hash)
        scheme, *numbers, salt, digest = match.groups()
        memory, passes, lanes = map(int, numbers)
        is_read = self._is_bounded(memory, passes, lanes) and _is_canonical(salt) and _is_canonical(digest)
        return f"{scheme}${memory}${passes}${lanes}" if is_read else None

    def is_current(self, work: str) -> bool:
        """True when ``work``, as ``work_of`` names it, is what a hash made today costs."""
        return work == self._ours

    def pretend(self, password: str = "") -> None:
        """Do the work of verifying ``password`` against nobody's hash."""
        self._matches(self._nobodys, password)

    def needs_rehash(self, password_hash: str) -> bool:
        """True when the hash is foreign or was made with other parameters than today's."""
        return _STORED.fullmatch(password_hash) is None or self._argon2.check_needs_rehash(password_hash)

    def _is_work(self, work: str) -> bool:
        return self.work_of(_nobodys(work)) == work if _WORK.fullmatch(work) else is_work(work)

    def _work_like(self, work: str, password: str) -> None:
        if _WORK.fullmatch(work):
            self._matches(_nobodys(work), password)
        else:
            work_like(work, password)

    def _is_bounded(self, memory: int, passes: int, lanes: int) -> bool:
        is_possible = passes >= 1 and lanes >= 1 and memory >= 8 * lanes
        is_little = memory <= self._most_memory and memory * passes <= self._most_work and lanes <= self._most_lanes
        return is_possible and is_little

    def _matches(self, password_hash: str, password: str) -> bool:
        try:
            return self._argon2.verify(password_hash.removeprefix(_DJANGO), password)
        except VerifyMismatchError:
            return False
        except VerificationError as error:
            if "emory allocation" in str(error):
                raise LoginBusy from None
            return False


def _is_canonical(text: str) -> bool:
    """True for base64 as Argon2's library reads it: nothing is left over, not even a bit. What it can't read costs it
    no work, so the time of the answer would show it."""
    try:
        return b64encode(unpadded(text)).decode("ascii").rstrip("=") == text
    except ValueError:
        return False


def _nobodys(work: str) -> str:
    """A fresh hash of nobody's password that costs ``work``, an Argon2 name."""
    scheme, memory, passes, lanes = work.split("$")
    salt, digest = (b64encode(token_bytes(size)).decode("ascii").rstrip("=") for size in (_SALT_BYTES, _HASH_BYTES))
    return f"${scheme}$v=19$m={memory},t={passes},p={lanes}${salt}${digest}"
