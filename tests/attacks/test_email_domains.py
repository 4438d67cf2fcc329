"""ID-04: one domain, written in Unicode and in its ASCII form, is one domain; a look-alike of it is another."""

import pytest

from coatcheck.errors import RequestInvalid
from coatcheck.model.email import parse_email


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a@m\u00fcnchen.example", "a@xn--mnchen-3ya.example"),
        ("a@m\u00fcnchen.example", "a@mu\u0308nchen.example"),
        ("a@m\u00fcnchen.example", "a@M\u00dcNCHEN.EXAMPLE"),
        ("a@m\u00fcnchen.example", "a@XN--MNCHEN-3YA.example"),
        ("a@\u4f8b\u3048.example", "a@xn--r8jz45g.example"),
        ("a@fa\u00df.example", "a@xn--fa-hia.example"),
        ("a@\u03b2\u03cc\u03bb\u03bf\u03c2.example", "a@xn--nxasmm1c.example"),
    ],
)
def test_both_forms_are_one_account(one: str, other: str) -> None:
    assert parse_email(one).key == parse_email(other).key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a@fass.example", "a@fa\u00df.example"),
        ("a@apple.example", "a@\u0430pple.example"),
        ("a@apple.example", "a@xn--pple-43d.example"),
        ("a@istanbul.example", "a@\u0131stanbul.example"),
        ("a@istanbul.example", "a@\u0130stanbul.example"),
    ],
)
def test_a_lookalike_is_refused_or_is_another_account(one: str, other: str) -> None:
    try:
        key = parse_email(other).key
    except RequestInvalid:
        return
    assert key != parse_email(one).key


@pytest.mark.parametrize(
    "text",
    [
        "a@xn--mnchen-3yb\u00fc.example",
        "a@xn--.example",
        "a@xn--\u00fc.example",
        "a@xn--abc-.example",
        "a@xn--99999999999.example",
        "a@ab--c.example",
        "a@m\u00fcn\u200dchen.example",
        "a@\u05d0b.example",
        "a@" + "a" * 64 + ".example",
        "a@\u0301a.example",
        "a@\U0001f4a9.example",
    ],
)
def test_what_is_no_name_of_a_domain_is_refused(text: str) -> None:
    with pytest.raises(RequestInvalid):
        parse_email(text)
