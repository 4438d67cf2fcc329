"""LG-15, ST-17: an imported hash has parameters or padding that a library refuses. Its login would be an error and say
whose hash was imported, or be quicker than others. Named among the imported schemes, its cost would stop every login.
"""

import json
import logging
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import scrypt
from pathlib import Path

import argon2
import bcrypt
import pytest
from argon2.exceptions import VerifyMismatchError
from hypothesis import example, given, settings
from hypothesis import strategies as st

from coatcheck.errors import LoginBusy, Misconfigured
from coatcheck.passwords import foreign
from coatcheck.passwords.argon2 import PasswordHasher
from coatcheck.passwords.foreign import is_work, verify_foreign, work_like, work_of
from coatcheck.settings import PasswordSettings
from tests.cli.conftest import CommandLine
from tests.cli.importing.sources import BCRYPT, PASSWORD, lines

HASHER = PasswordHasher(PasswordSettings(memory_kib=64, iterations=1, parallelism=1))
DIGEST = "m7KvtAtxcr4KW+CsOQNuL3SI0y03rgGPzkMlxwNN9AI"
ALPHABET = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
SALT, OUTPUT = "P6bX7spuL65/w7mejqAPeg", "3taDdBX1SfIFoL0v7DZ8+t/uCkwRN/Y3xhXRHUX2IE0"
ARGON2 = f"$argon2id$v=19$m=64,t=1,p=1${SALT}${OUTPUT}"

REFUSED = [
    f"scrypt$65536$salt$1$1${DIGEST}=",
    f"scrypt$1048576$salt$1$1${DIGEST}=",
    f"$scrypt$ln=16,r=1,p=1$c2FsdHNhbHQ${DIGEST}",
    ARGON2.replace("m=64", "m=064"),
    ARGON2.replace("t=1", "t=01"),
    ARGON2.replace("p=1", "p=01"),
    ARGON2.replace(SALT, SALT + "AAA"),
    ARGON2.replace(SALT, SALT[:-1] + "/"),
    ARGON2.replace(OUTPUT, OUTPUT[:-2]),
    ARGON2.replace(OUTPUT, OUTPUT[:-1] + "/"),
]


@pytest.mark.parametrize("stored", REFUSED)
def test_a_hash_that_its_library_refuses_is_none(stored: str) -> None:
    assert HASHER.work_of(stored) is None
    assert HASHER.verify(stored, PASSWORD) is False


def test_an_import_refuses_it_by_its_line_and_names_no_scheme(tmp_path: Path) -> None:
    run = CommandLine(tmp_path)
    run.make_database()
    hostile = [{"email": f"{number}@example.com", "password_hash": each} for number, each in enumerate(REFUSED)]
    lines(tmp_path / "users.jsonl", {"email": "ann@example.com", "password_hash": BCRYPT}, *hostile)
    run("users", "import", "users.jsonl", "--json")
    done = json.loads(run.out)
    assert [(each["place"], each["field"]) for each in done["errors"]] == [
        (f"line {number}", "password_hash") for number in range(2, len(REFUSED) + 2)
    ]
    assert (done["imported"], done["imported_schemes"]) == (1, ["bcrypt$04"])


@pytest.mark.parametrize("work", ["scrypt$65536$1$1", "scrypt$1048576$1$1", "argon2id$064$1$1"])
def test_such_work_can_not_be_asked_of_every_login(work: str) -> None:
    assert not is_work(work)
    work_like(work, PASSWORD)
    with pytest.raises(Misconfigured, match="imported_schemes"):
        PasswordHasher(PasswordSettings(imported_schemes=(work,)))


def test_just_below_the_bound_scrypt_is_verified() -> None:
    made = b64encode(scrypt(PASSWORD.encode(), salt=b"salt", n=32768, r=1, p=1)).decode()
    assert is_work("scrypt$32768$1$1")
    assert verify_foreign(f"scrypt$32768$salt$1$1${made}", PASSWORD)


@pytest.mark.parametrize("scheme", ["", "bcrypt$"])
@pytest.mark.parametrize("place", [28, 59])
def test_bits_of_a_bcrypt_hash_that_stand_for_nothing_are_ignored(scheme: str, place: int) -> None:
    """As old libraries wrote them: the same hash, and bcrypt itself refuses it or finds it different."""
    bits = 4 if place == 28 else 2
    first = ALPHABET.index(BCRYPT[place]) >> bits << bits
    spellings = [BCRYPT[:place] + ALPHABET[first + each] + BCRYPT[place + 1 :] for each in range(1 << bits)]
    assert BCRYPT in spellings
    for stored in spellings:
        assert work_of(scheme + stored) == "bcrypt$04"
        assert verify_foreign(scheme + stored, PASSWORD)
        assert not verify_foreign(scheme + stored, "wrong")
    with pytest.raises(ValueError, match="salt") if place == 28 else pytest.raises(AssertionError):
        assert all(bcrypt.checkpw(PASSWORD.encode(), stored.encode()) for stored in spellings)


def test_bits_of_a_bcrypt_hash_that_stand_for_something_are_not() -> None:
    others = {".", "O", "e", "u"} - {BCRYPT[28]}
    assert len(others) == 3
    for other in others:
        assert not verify_foreign(BCRYPT[:28] + other + BCRYPT[29:], PASSWORD)


HASHES = st.one_of(
    st.builds("$2b$04${}".format, st.text(ALPHABET, min_size=53, max_size=53)),
    st.builds("bcrypt_sha256$$2a$04${}".format, st.text(ALPHABET, min_size=53, max_size=53)),
    st.builds("pbkdf2_sha1${}${}$".format, st.integers(0, 30), st.text(max_size=130)).map(
        lambda head: head + "3ZN0J8D9Eydmiv8CD9RIQatMURU="
    ),
    st.builds("pbkdf2_sha256${}${}$".format, st.integers(0, 30), st.text(max_size=130)).map(
        lambda head: head + DIGEST + "="
    ),
    st.builds(
        lambda log2, r, p, size: f"scrypt${1 << log2}$salt${r}${p}${b64encode(bytes(size)).decode()}",
        st.integers(0, 19),
        st.integers(0, 3) | st.integers(0, 9999),
        st.integers(0, 3) | st.integers(0, 9999),
        st.integers(0, 140),
    ).filter(lambda stored: _cost(stored) < 1 << 17),
    st.builds(
        "$argon2id$v=19$m={},t={},p={}${}${}".format,
        st.integers(0, 300),
        st.integers(0, 3),
        st.integers(0, 20),
        st.text(ALPHABET[2:] + "+/", min_size=9, max_size=88),
        st.text(ALPHABET[2:] + "+/", min_size=20, max_size=88),
    ),
)


def _cost(stored: str) -> int:
    _, n, _, r, p, _ = stored.split("$")
    return int(n) * int(r) * int(p)


@settings(deadline=None)
@given(HASHES, st.text(st.characters(exclude_categories=["Cs"]), max_size=80))
@example(f"scrypt$65536$salt$1$1${DIGEST}=", "")
def test_whatever_is_admitted_can_be_computed(stored: str, password: str) -> None:
    work = HASHER.work_of(stored)
    if work is None:
        assert HASHER.verify(stored, password) is False
    elif work.startswith("argon2"):
        with pytest.raises(VerifyMismatchError):  # and not VerificationError, before any work
            argon2.PasswordHasher().verify(stored, password)
    else:
        with heard() as said:
            assert HASHER.verify(stored, password) is False
            work_like(work, password)
        assert said == []


@contextmanager
def heard() -> Iterator[list[logging.LogRecord]]:
    said: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = said.append  # type: ignore[method-assign]
    logger = logging.getLogger("coatcheck.passwords")
    logger.addHandler(handler)
    try:
        yield said
    finally:
        logger.removeHandler(handler)


@pytest.mark.parametrize(("fault", "seen"), [(ValueError, None), (MemoryError, LoginBusy)])
def test_what_this_machine_can_not_compute_is_no_error_of_the_login(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, fault: type[Exception], seen: type | None
) -> None:
    def refuse(*_: object, **__: object) -> bytes:
        raise fault

    monkeypatch.setattr(foreign, "scrypt", refuse)
    hasher = PasswordHasher(PasswordSettings(memory_kib=64, iterations=1, imported_schemes=("scrypt$1024$8$1",)))
    for stored in (f"scrypt$1024$salt$8$1${DIGEST}=", None):
        if seen is None:
            assert hasher.verify(stored, PASSWORD) is False
        else:
            with pytest.raises(seen):
                hasher.verify(stored, PASSWORD)
    assert ("scrypt$1024$8$1" in caplog.text) == (seen is None)
    assert DIGEST not in caplog.text
