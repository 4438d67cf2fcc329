"""Argon2id, and an equal effort for everybody."""

import sys
from statistics import median
from time import thread_time

import pytest
from argon2 import PasswordHasher as Argon2
from argon2 import Type

from coatcheck.errors import Misconfigured
from coatcheck.passwords.argon2 import PasswordHasher
from coatcheck.settings import PasswordSettings

QUICK = PasswordSettings(memory_kib=64, iterations=1)
HASHER = PasswordHasher(QUICK)


def test_a_hash_opens_to_its_own_password_only() -> None:
    stored = HASHER.hash("correct horse")
    assert stored.startswith("$argon2id$v=19$m=64,t=1,p=1$")
    assert HASHER.verify(stored, "correct horse")
    for other in ("correct horse ", "Correct horse", "correct hors", "", "correct horse\0"):
        assert not HASHER.verify(stored, other)


def test_every_hash_has_a_salt_of_its_own() -> None:
    assert len({HASHER.hash("same") for _ in range(50)}) == 50


def test_the_defaults_are_those_of_owasp() -> None:
    stored = PasswordHasher(PasswordSettings()).hash("correct horse")
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_no_user_and_no_password_is_never_right() -> None:
    assert not HASHER.verify(None, "")
    assert not HASHER.verify("", "")
    assert not HASHER.verify("!", "!")
    HASHER.pretend()


def test_a_hash_of_other_parameters_still_verifies_and_asks_for_a_new_one() -> None:
    for other in (Argon2(1, 32, 1), Argon2(2, 64, 1), Argon2(1, 64, 2), Argon2(1, 64, 1, type=Type.I)):
        stored = other.hash("correct horse")
        assert HASHER.verify(stored, "correct horse")
        assert not HASHER.verify(stored, "wrong")
        assert HASHER.needs_rehash(stored)
    assert not HASHER.needs_rehash(HASHER.hash("correct horse"))


@pytest.mark.parametrize("stored", ["", "!", "$2b$04$" + "." * 53, "$argon2id$v=19$m=64,t=1,p=1$", "plain text"])
def test_whatever_is_no_hash_of_ours_needs_a_rehash(stored: str) -> None:
    assert HASHER.needs_rehash(stored)


def test_impossible_parameters_are_a_misconfiguration() -> None:
    for settings in (
        PasswordSettings(iterations=0),
        PasswordSettings(parallelism=0),
        PasswordSettings(memory_kib=7),
        PasswordSettings(memory_kib=15, parallelism=2),
        PasswordSettings(imported_schemes=("md5",)),
        PasswordSettings(imported_schemes=("bcrypt$31",)),
    ):
        with pytest.raises(Misconfigured):
            PasswordHasher(settings)


@pytest.mark.parametrize("work", ["argon2id$65536$3$4", "argon2i$64$1$1", "bcrypt$12"])
def test_an_imported_scheme_is_named_as_the_hasher_names_it(work: str) -> None:
    PasswordHasher(PasswordSettings(imported_schemes=(work,)))


def test_an_imported_scheme_whose_library_is_missing_is_a_misconfiguration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bcrypt", None)
    with pytest.raises(Misconfigured, match=r"coatcheck\[import\]"):
        PasswordHasher(PasswordSettings(imported_schemes=("bcrypt$12",)))
    PasswordHasher(PasswordSettings(imported_schemes=("argon2i$64$1$1",)))


@pytest.mark.parametrize(
    "work",
    ["argon2id", "argon2d$64$1$1", "argon2id$4194304$1$1", "argon2id$64$0$1", "argon2id$7$1$1", "argon2id$8$1$2"],
)
def test_argon2_beyond_the_bounds_is_no_imported_scheme(work: str) -> None:
    with pytest.raises(Misconfigured):
        PasswordHasher(PasswordSettings(imported_schemes=(work,)))


def test_a_hash_is_named_by_scheme_and_cost_whoever_wrote_it() -> None:
    stored = Argon2(2, 64, 2).hash("correct horse")
    assert HASHER.work_of(stored) == HASHER.work_of("argon2" + stored) == "argon2id$64$2$2"
    assert HASHER.is_current(HASHER.work_of(HASHER.hash("correct horse")) or "")
    assert HASHER.work_of("$argon2id$v=19$m=4194304,t=1,p=1$c2FsdHNhbHQ$" + "A" * 43) is None
    assert HASHER.work_of("md5$abc$900150983cd24fb0d6963f7d28e17f72") is None


def effort(hasher: PasswordHasher, stored: str | None, password: str = "wrong") -> float:
    """Processor time of one ``verify`` on this thread: what else the machine does is not in it."""
    began = thread_time()
    hasher.verify(stored, password)
    return thread_time() - began


def test_everybody_costs_the_same() -> None:
    imported = ("bcrypt$07", "argon2id$8192$3$1")
    settings = PasswordSettings(memory_kib=4096, iterations=2, imported_schemes=imported)
    hasher = PasswordHasher(settings)
    current, other = hasher.hash("right"), Argon2(3, 8192, 1).hash("right")
    costs: dict[str, list[float]] = {}
    for _ in range(30):
        for name, stored, password in (
            ("right", current, "right"),
            ("wrong", current, "wrong"),
            ("nobody", None, "wrong"),
            ("argon2", other, "wrong"),
            ("argon2 of Django, right", "argon2" + other, "right"),
            ("unusable", "!", "wrong"),
            ("hostile", "$argon2id$v=19$m=4194304,t=1,p=1$c2FsdHNhbHQ$" + "A" * 43, "wrong"),
            ("imported", "$2b$07$XoG/IqMGq/fdswRGsIDlUurqEB1hk241pm62iYuK18vovShi75Qxq", "wrong"),
        ):
            costs.setdefault(name, []).append(effort(hasher, stored, password))
    medians = {name: median(values) for name, values in costs.items()}
    assert max(medians.values()) < 1.15 * min(medians.values()), medians
