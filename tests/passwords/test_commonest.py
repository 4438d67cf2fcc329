"""The list of common passwords."""

import gzip
from importlib.resources import files

import pytest

from coatcheck.errors import PasswordWeak
from coatcheck.passwords.commonest import LONGEST_COMMON, is_common
from coatcheck.passwords.policy import check_new
from coatcheck.settings import PasswordSettings


def entries() -> list[str]:
    packed = files("coatcheck.passwords").joinpath("commonest.txt.gz").read_bytes()
    return gzip.decompress(packed).decode().split("\n")


def test_the_list_has_over_3000_entries_of_eight_characters_or_more_once_each() -> None:
    listed = entries()
    assert len(listed) == 11_611
    assert len(set(listed)) == len(listed)
    assert min(map(len, listed)) == 8
    assert max(map(len, listed)) == LONGEST_COMMON
    assert all(entry == entry.casefold() for entry in listed)


def test_the_3000_most_common_ones_are_refused_in_any_case_where_eight_characters_are_enough() -> None:
    settings = PasswordSettings(minimum_length=8)
    for password in entries()[:3000]:
        for spelling in (password, password.upper(), password.capitalize()):
            with pytest.raises(PasswordWeak):
                check_new(spelling, settings, about=())


def test_more_than_3000_common_passwords_long_enough_for_the_default_are_refused() -> None:
    settings = PasswordSettings()
    with_letters = [password for password in entries() if any(map(str.isalpha, password))]
    for password in with_letters[:3000]:
        for longer in (password.ljust(15, "1"), password.rjust(15, "!").upper()):
            with pytest.raises(PasswordWeak):
                check_new(longer, settings, about=())


def test_what_is_not_listed_is_not_common() -> None:
    assert is_common("password")
    assert not is_common("Password")
    assert not is_common("")
    assert not is_common("correct horse battery staple")


def test_the_licence_lies_beside_the_list() -> None:
    licence = files("coatcheck.passwords").joinpath("commonest.LICENSE.txt").read_text(encoding="utf-8")
    assert "MIT" in licence
    assert "Dan Wheeler" in licence
