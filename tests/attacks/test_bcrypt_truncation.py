"""LG-11: bcrypt reads 72 bytes and stops at a NUL; HMAC takes trailing NULs for none. No shared prefix opens a hash."""

from base64 import b64encode
from hashlib import pbkdf2_hmac, scrypt

import bcrypt
import pytest

from coatcheck.passwords.foreign import verify_foreign


def bcrypted(password: bytes) -> str:
    return bcrypt.hashpw(password, bcrypt.gensalt(4)).decode("ascii")


@pytest.mark.parametrize("password", ["x" * 73, "x" * 72 + "y", "x" * 256, "ä" * 37])
def test_a_password_beyond_72_bytes_does_not_open_the_hash_of_its_beginning(password: str) -> None:
    beginning = password.encode()[:72]
    stored = bcrypted(beginning)
    assert verify_foreign(stored, beginning.decode())
    assert not verify_foreign(stored, password)


def test_a_hash_that_was_made_of_a_cut_password_does_not_open_to_the_whole_one() -> None:
    stored = bcrypted((b"x" * 80)[:72])
    assert not verify_foreign(stored, "x" * 80)


@pytest.mark.parametrize("password", ["secret\0", "secret\0more", "\0secret", "\0"])
def test_a_password_with_a_nul_opens_no_foreign_hash(password: str) -> None:
    for part in {password, password.partition("\0")[0]}:
        derived = pbkdf2_hmac("sha256", part.encode(), b"salt", 10)
        scrypted = scrypt(part.encode(), salt=b"salt", n=16, r=8, p=1)
        for stored in (
            bcrypted(part.encode()),
            f"pbkdf2_sha256$10$salt${b64encode(derived).decode()}",
            f"scrypt$16$salt$8$1${b64encode(scrypted).decode()}",
        ):
            assert not verify_foreign(stored, password)
            assert "\0" in part or verify_foreign(stored, part)


def test_trailing_nuls_really_are_lost_in_hmac() -> None:
    assert pbkdf2_hmac("sha256", b"secret", b"salt", 10) == pbkdf2_hmac("sha256", b"secret\0", b"salt", 10)
