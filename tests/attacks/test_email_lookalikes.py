"""ID-01, ID-02, ID-05, LG-20: other characters that look, or normalise, like the ones of somebody's address."""

import pytest

from coatcheck.errors import RequestInvalid
from coatcheck.model.email import parse_email

VICTIM = parse_email("mike.smith@kiosk.example")


@pytest.mark.parametrize(
    "text",
    [
        "mike.\u017fmith@kiosk.example",
        "\uff4dike.smith@kiosk.example",
        "mike.smith\uff20kiosk.example",
        "mike.smith\ufe6bkiosk.example",
        "mike.smith@evil.example\uff20kiosk.example",
        "mike\uff0esmith@kiosk.example",
        "mike\u2024smith@kiosk.example",
        "mike.smith@kiosk\uff0eexample",
        "mike.smith@kiosk\uff61example",
        "mike.smith@\uff4biosk.example",
        "mike.smith@kio\u017fk.example",
        "mike.smith@evil.example\uff0c@kiosk.example",
        "\u24dcike.smith@kiosk.example",
        "\U0001d426ike.smith@kiosk.example",
        "mike.smit\u02b0@kiosk.example",
        "m\u0456ke.smith@kiosk.example",
        "mike.\u0455mith@kiosk.example",
        "mike.sm\u0131\u03c4h@kiosk.example",
        "mike\u200b.smith@kiosk.example",
        "mike\u200d.smith@kiosk.example",
        "mike\u00ad.smith@kiosk.example",
        "mike\u2060.smith@kiosk.example",
        "\ufeffmike.smith@kiosk.example",
        "mike.smith@kiosk.example\u202e",
        "mike\u3164.smith@kiosk.example",
        "mike\u115f.smith@kiosk.example",
        "mike\u034f.smith@kiosk.example",
        "mike\ufe0f.smith@kiosk.example",
        "mike\U000e0101.smith@kiosk.example",
        "mike.smith@kiosk.example.",
        "mike.smith\u2215@kiosk.example",
        "mike.smith@kiosk.example\u2100",
    ],
)
def test_a_lookalike_is_refused(text: str) -> None:
    with pytest.raises(RequestInvalid):
        parse_email(text)


@pytest.mark.parametrize(
    "text",
    ["MIKE.SMITH@KIOSK.EXAMPLE", " mike.smith@kiosk.example ", "mi\u212ae.smith@\u212aios\u212a.example"],
)
def test_other_spellings_of_the_same_address_are_the_same_account(text: str) -> None:
    email = parse_email(text)
    assert email.key == VICTIM.key
    assert email.address.isascii()


@pytest.mark.parametrize(
    "text", ["m\u0131ke.smith@kiosk.example", "m\u0130ke.smith@kiosk.example", "m\u0131ke@m\u0131ke.de"]
)
def test_a_turkish_i_is_another_account(text: str) -> None:
    assert parse_email(text).key != parse_email(text.replace("\u0131", "i").replace("\u0130", "i")).key


def test_where_folding_makes_two_addresses_one_only_the_stored_one_gets_letters() -> None:
    stored, typed = parse_email("strasse@example.com"), parse_email("stra\u00dfe@example.com")
    assert typed.key == stored.key
    assert typed.address != stored.address
