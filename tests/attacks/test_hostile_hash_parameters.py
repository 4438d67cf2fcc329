"""LG-15: a stored hash, written by an attacker, asks for 4 GB or for hours. It opens nothing and costs no more."""

import resource
import sys
import time

import pytest

from coatcheck.passwords.argon2 import PasswordHasher
from coatcheck.settings import PasswordSettings

HASHER = PasswordHasher(PasswordSettings(memory_kib=256, iterations=1))
DIGEST = "A" * 43
SALT = "c2FsdHNhbHQ"


@pytest.mark.parametrize(
    "stored",
    [
        f"$argon2id$v=19$m=4194304,t=1,p=1${SALT}${DIGEST}",
        f"$argon2id$v=19$m=4294967295,t=1,p=1${SALT}${DIGEST}",
        f"$argon2id$v=19$m={10**400},t=1,p=1${SALT}${DIGEST}",
        f"$argon2id$v=19$m=65536,t=4294967295,p=1${SALT}${DIGEST}",
        f"$argon2id$v=19$m=262144,t=99999,p=1${SALT}${DIGEST}",
        f"$argon2id$v=19$m=8192,t=1,p=999${SALT}${DIGEST}",
        f"$argon2id$v=19$m=-1,t=1,p=1${SALT}${DIGEST}",
        f"$argon2id$v=19$m=0,t=0,p=0${SALT}${DIGEST}",
        f"$argon2id$v=19$m=\u0664\u0666,t=1,p=1${SALT}${DIGEST}",
        f"$argon2id$v=19$m=64,t=1,p=1${'c' * 100_000}${DIGEST}",
        f"$argon2id$v=19$m=64,t=1,p=1${SALT}${'A' * 100_000}",
        f"$argon2d$v=19$m=64,t=1,p=1${SALT}${DIGEST}",
        "$2b$31$" + "." * 53,
        "pbkdf2_sha256$999999999$salt$m7KvtAtxcr4KW+CsOQNuL3SI0y03rgGPzkMlxwNN9AI=",
        "pbkdf2_sha256$0$salt$m7KvtAtxcr4KW+CsOQNuL3SI0y03rgGPzkMlxwNN9AI=",
        "scrypt$1073741824$salt$8$1$m7KvtAtxcr4KW+CsOQNuL3SI0y03rgGPzkMlxwNN9AI=",
        "scrypt$16384$salt$8$40$m7KvtAtxcr4KW+CsOQNuL3SI0y03rgGPzkMlxwNN9AI=",
        "scrypt$262144$salt$16$1$m7KvtAtxcr4KW+CsOQNuL3SI0y03rgGPzkMlxwNN9AI=",
        "scrypt$2$salt$9999$9999$m7KvtAtxcr4KW+CsOQNuL3SI0y03rgGPzkMlxwNN9AI=",
        "$scrypt$ln=99,r=8,p=1$c2FsdHNhbHQ$" + DIGEST,
        "scrypt$1024$salt$8$1$" + "A" * 400 + "=" * 200,
    ],
)
def test_a_hash_beyond_the_bounds_opens_nothing_and_costs_nothing(stored: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.thread_time()
    assert HASHER.verify(stored, "password") is False
    assert time.thread_time() - began < 0.1
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert (grown // 1024 if sys.platform == "darwin" else grown) < 16 * 1024
    assert HASHER.needs_rehash(stored)
