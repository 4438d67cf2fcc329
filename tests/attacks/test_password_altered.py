"""LG-12, LG-13: a password is verified exactly as it was typed; only NFC and NFD of one text are one password."""

from unicodedata import normalize

import pytest

from coatcheck.passwords.argon2 import PasswordHasher
from coatcheck.passwords.policy import prepare
from coatcheck.settings import PasswordSettings

HASHER = PasswordHasher(PasswordSettings(memory_kib=64, iterations=1))


@pytest.mark.parametrize(
    "password",
    [
        "with a \x00 in the middle",
        "\x00",
        "\x07\x1b[31m\x7f",
        "line\nfeed\r\n",
        "\U0001f468\u200d\U0001f469\u200d\U0001f467 family",
        "\u202eright to left",
        "שלום עולם",
        "e\u0323\u0302 combined",
        "\ufeffmarked",
        "\U0010ffff",
        "%00%s{0}${jndi}",
    ],
)
def test_every_character_counts(password: str) -> None:
    stored = HASHER.hash(prepare(password))
    assert HASHER.verify(stored, prepare(password))
    for place in range(len(password)):
        shorter = password[:place] + password[place + 1 :]
        assert prepare(shorter) == prepare(password) or not HASHER.verify(stored, prepare(shorter))


def test_composed_and_decomposed_are_one_password() -> None:
    for password in ("Zoë Müller", "Việt Nam", "각각", "\u1e69", "\u212bngstrom"):
        stored = HASHER.hash(prepare(normalize("NFC", password)))
        assert HASHER.verify(stored, prepare(normalize("NFD", password)))
        assert HASHER.verify(stored, prepare(password))


@pytest.mark.parametrize(
    ("password", "altered"),
    [
        (" secret ", "secret"),
        ("secret", "secret\n"),
        ("Secret", "secret"),
        ("a<b>&c", "a&lt;b&gt;&amp;c"),
        ("stra\u00dfe", "strasse"),
        ("\ufb01ne", "fine"),
        ("\uff41bc", "abc"),
        ("a\u200bb", "ab"),
        ("two  spaces", "two spaces"),
        ("100%25", "100%"),
        ("a+b", "a b"),
    ],
)
def test_nothing_is_trimmed_folded_or_escaped(password: str, altered: str) -> None:
    stored = HASHER.hash(prepare(password))
    assert HASHER.verify(stored, prepare(password))
    assert not HASHER.verify(stored, prepare(altered))
