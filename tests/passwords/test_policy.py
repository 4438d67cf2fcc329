"""Which passwords are taken, and in which form."""

from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coatcheck.errors import PasswordWeak, RequestInvalid
from coatcheck.passwords.policy import LONGEST_CHARACTERS, check_new, prepare
from coatcheck.settings import PasswordSettings

FIFTEEN = PasswordSettings(forbidden_words=("Gizmo", "Cloakroom"))
EIGHT = PasswordSettings(minimum_length=8)
ADA = ("Ada Lovelace", "ada.byron@analytical-engine.org", "Coatcheck")


def reasons(password: str, settings: PasswordSettings = FIFTEEN) -> str:
    """What is said against ``password``, or nothing."""
    try:
        check_new(prepare(password), settings, about=ADA)
    except PasswordWeak as weak:
        return weak.message
    return ""


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "seven green umbrellas",
        "eightdays a week",
        "ada loves punched cards",
        "Gizmo and the moon men",
        "kX9#mQ2$vL7@nR4",
        "184930372734829",
        "пароль для меня одного",
        "我的密码只有我自己知道是什么吧",
        "🦊🐻🐼🐨🐯🦁🐮🐷🐸🐵🐔🐧🐦🐤🦆",
        "\x00\x01\x02 with control characters",
        "x" * 3 + "monster of a password" * 11,
    ],
)
def test_a_long_password_of_any_characters_is_taken(password: str) -> None:
    assert reasons(password) == ""


@pytest.mark.parametrize(
    ("password", "word"),
    [
        ("short but sweet"[:14], "15 characters"),
        ("", "15 characters"),
        ("polniypizdec110211", "used most"),
        ("PASSWORD1234567", "used most"),
        ("!!!Sunshine!!!2024", "used most"),
        ("adalovelace1815", "your name"),
        ("LovelaceByron!!!!", "your name"),
        ("analytical-engine.org", "your name"),
        ("ada.byron@analytical-engine.org", "your name"),
        ("Coatcheck-Coatcheck", "this site"),
        ("GizmoCloakroom42", "this site"),
        ("aaaaaaaaaaaaaaaa", "repeats"),
        ("abc1abc1abc1abc1ab", "repeats"),
        ("hunter7Hunter7HUNTER7", "repeats"),
        ("eleven char!eleven char!", "repeats"),
        ("123456789012345", "keyboard"),
        ("abcdefghijklmnopqrst", "keyboard"),
        ("lkjhgfdsa987654321abc", "keyboard"),
        ("qwertzuiopasdfghjkl", "keyboard"),
        ("111222333444555666", "keyboard"),
    ],
)
def test_a_guessable_password_is_refused_with_the_reason(password: str, word: str) -> None:
    said = reasons(password)
    assert word in said
    assert said.endswith(".")
    assert not password or password not in said


def test_the_minimum_length_is_a_setting() -> None:
    assert reasons("kX9#mQ2$", EIGHT) == ""
    assert "at least 8 characters" in reasons("kX9#mQ2", EIGHT)


def test_a_unit_that_could_be_a_password_by_itself_may_be_repeated() -> None:
    assert "repeats" in reasons("eleven char!eleven char!")
    assert reasons("eleven char!eleven char!", EIGHT) == ""


def test_no_kind_of_character_is_asked_for() -> None:
    for password in ("onlylowercaseletters", "ONLYUPPERCASELETTERS", "837261940582736", "!?#%&/()=+*~^_-<>"):
        assert reasons(password) == ""


def test_every_reason_is_said_at_once() -> None:
    with pytest.raises(PasswordWeak) as weak:
        check_new("password", FIFTEEN, about=ADA)
    assert len(weak.value.reasons) == 2


def test_a_password_is_taken_up_to_256_characters_and_no_further() -> None:
    assert prepare("x" * LONGEST_CHARACTERS) == "x" * LONGEST_CHARACTERS
    assert prepare("\U0001f98a" * LONGEST_CHARACTERS) == "\U0001f98a" * LONGEST_CHARACTERS
    with pytest.raises(RequestInvalid) as refused:
        prepare("x" * (LONGEST_CHARACTERS + 1), field="new")
    assert refused.value.errors[0].field == "new"


def test_a_password_of_the_greatest_length_is_the_same_composed_and_decomposed() -> None:
    composed = "\u1f82" * LONGEST_CHARACTERS
    decomposed = normalize("NFD", composed)
    assert len(decomposed) == 4 * LONGEST_CHARACTERS
    assert prepare(composed) == prepare(decomposed) == composed


def test_a_password_that_grows_when_composed_stays_within_1024_bytes() -> None:
    grows = "\U0001d160"
    assert len(normalize("NFC", grows)) == 3
    with pytest.raises(RequestInvalid):
        prepare(grows * 200)


def test_a_lone_surrogate_is_refused() -> None:
    with pytest.raises(RequestInvalid):
        prepare("a password with \ud800 inside")


@given(st.text(max_size=300))
def test_preparing_twice_changes_nothing_more(text: str) -> None:
    try:
        once = prepare(text)
    except RequestInvalid:
        return
    assert prepare(once) == once == normalize("NFC", text)


@given(st.text(max_size=300), st.lists(st.text(max_size=40), max_size=5))
def test_a_verdict_is_given_on_any_text(password: str, about: list[str]) -> None:
    try:
        prepared = prepare(password)
        check_new(prepared, EIGHT, about=about)
    except (RequestInvalid, PasswordWeak):
        return
    assert len(prepared) >= 8
