"""Known devices."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coatcheck.errors import Misconfigured
from coatcheck.passwords.devices import DEVICE_PREFIX, DeviceTokens

TOKENS = DeviceTokens(b"k" * 32)


def test_a_device_is_known_to_its_user_under_the_same_mark() -> None:
    token = TOKENS.issue("usr_1", "mark")
    device = TOKENS.device_of(token, "usr_1", "mark")
    assert token.startswith(f"{DEVICE_PREFIX}_")
    assert device is not None
    assert len(device) == 32
    assert TOKENS.device_of(token, "usr_1", "mark") == device


def test_each_device_has_a_name_of_its_own() -> None:
    devices = {TOKENS.device_of(TOKENS.issue("usr_1", "mark"), "usr_1", "mark") for _ in range(100)}
    assert len(devices) == 100


def test_a_device_is_a_stranger_to_another_user_another_mark_and_another_key() -> None:
    token = TOKENS.issue("usr_1", "mark")
    assert TOKENS.device_of(token, "usr_2", "mark") is None
    assert TOKENS.device_of(token, "usr_1", "other") is None
    assert TOKENS.device_of(token, "usr_", "1mark") is None
    assert DeviceTokens(b"K" * 32).device_of(token, "usr_1", "mark") is None


def test_a_token_under_an_older_key_names_the_same_device_and_is_replaced_at_the_next_login() -> None:
    token, both = TOKENS.issue("usr_1", "mark"), DeviceTokens(b"n" * 32, b"k" * 32)
    device = TOKENS.device_of(token, "usr_1", "mark")
    assert both.device_of(token, "usr_1", "mark") == device
    replaced = both.at_login(token, "usr_1", "mark")
    assert DeviceTokens(b"n" * 32).device_of(replaced, "usr_1", "mark") == device
    assert both.at_login(replaced, "usr_1", "mark") is None, "it needs no other"
    assert both.device_of(both.at_login(None, "usr_1", "mark"), "usr_1", "mark") not in (None, device)
    assert both.device_of(both.at_login(token, "usr_2", "mark"), "usr_2", "mark") not in (None, device)


def test_a_token_with_any_character_changed_is_refused() -> None:
    token = TOKENS.issue("usr_1", "mark")
    for place in range(len(token)):
        for other in "A-_=.+/ \n\u00e9":
            changed = token[:place] + other + token[place + 1 :]
            assert changed == token or TOKENS.device_of(changed, "usr_1", "mark") is None


@given(st.none() | st.text(max_size=80) | st.text("abcdefgh-_=", min_size=64, max_size=64).map("ccd_".__add__))
def test_any_text_is_read_without_an_exception(text: str | None) -> None:
    assert TOKENS.device_of(text, "usr_1", "mark") is None


def test_a_short_key_is_refused_and_no_key_is_shown() -> None:
    with pytest.raises(Misconfigured):
        DeviceTokens(b"short")
    with pytest.raises(Misconfigured):
        DeviceTokens(b"k" * 32, b"short")
    assert "kkk" not in repr(TOKENS)
