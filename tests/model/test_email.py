"""E-mail addresses: what is taken, and when two are one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coatcheck.errors import RequestInvalid
from coatcheck.model.email import LONGEST, Email, parse_email


@pytest.mark.parametrize(
    ("text", "address", "key"),
    [
        ("ada@example.com", "ada@example.com", "ada@example.com"),
        ("Ada.Lovelace@Example.COM", "Ada.Lovelace@Example.COM", "ada.lovelace@example.com"),
        ("  ada@example.com ", "ada@example.com", "ada@example.com"),
        ("ada+notes@example.co.uk", "ada+notes@example.co.uk", "ada+notes@example.co.uk"),
        ("o'brien@example.ie", "o'brien@example.ie", "o'brien@example.ie"),
        ("a@b.de", "a@b.de", "a@b.de"),
        ("jose\u0301@example.com", "jos\u00e9@example.com", "jos\u00e9@example.com"),
        ("用户@例え.jp", "用户@例え.jp", "用户@xn--r8jz45g.jp"),
        ("user@xn--r8jz45g.jp", "user@xn--r8jz45g.jp", "user@xn--r8jz45g.jp"),
        ("почта@example.com", "почта@example.com", "почта@example.com"),
    ],
)
def test_one_plain_address_is_taken(text: str, address: str, key: str) -> None:
    assert parse_email(text) == Email(address, key)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "@",
        "ada",
        "ada@",
        "@example.com",
        "ada@example",
        "ada@localhost",
        "ada@example.com.",
        "ada@.example.com",
        "ada@example..com",
        "ada@-example.com",
        "ada@exam_ple.com",
        "ada@127.0.0.1",
        "ada@[127.0.0.1]",
        "ada@[IPv6:::1]",
        "ada@example.com:25",
        "ada@xn--a.com",
        ".ada@example.com",
        "ada.@example.com",
        "a..da@example.com",
        "ada lovelace@example.com",
        "ada@exa mple.com",
        "ada@@example.com",
        "ada\t@example.com",
        "ada\u00a0@example.com",
        "ada\x00@example.com",
        "ada\x7f@example.com",
        "ada\ud800@example.com",
        "\u0301ada@example.com",
        "ada\\@example.com",
        "ada(1)@example.com",
        "ada:x@example.com",
        "\u2764@example.com",
    ],
)
def test_anything_else_is_refused_with_a_reason_for_the_field(text: str) -> None:
    with pytest.raises(RequestInvalid) as refused:
        parse_email(text)
    (error,) = refused.value.errors
    assert error.field == "email"
    assert error.reason.endswith(".")
    assert len(text) < 2 or text not in error.reason


def test_the_local_part_has_at_most_64_bytes_and_the_whole_254() -> None:
    assert parse_email("a" * 64 + "@example.com").key == "a" * 64 + "@example.com"
    domain = ".".join(["a" * 60] * 3) + ".com"
    assert len("a" * 64 + "@" + domain) < LONGEST
    parse_email("a" * 64 + "@" + domain)
    many_bytes = "a" * 60 + "@" + ".".join(["é" * 60] * 3) + ".de"
    assert len(many_bytes) <= LONGEST
    for text in ("a" * 65 + "@example.com", "é" * 33 + "@example.com", many_bytes):
        with pytest.raises(RequestInvalid):
            parse_email(text)


@given(st.text(max_size=300) | st.from_regex(r"\A\w{1,20}@\w{1,10}\.\w{2,5}\Z"))
def test_whatever_is_typed_is_refused_clearly_or_has_a_key_that_is_its_own(text: str) -> None:
    try:
        email = parse_email(text)
    except RequestInvalid:
        return
    assert parse_email(email.key).key == email.key
    assert parse_email(email.address) == email
    assert email.key.count("@") == 1
    assert email.key.partition("@")[2].isascii()
    assert not set(email.key) & set('\r\n,;<>()[]"\\ ')


@given(st.from_regex(r"\A[a-zA-Zäöüéñçø]{1,20}@[a-z]{1,10}\.(com|de)\Z"))
def test_case_makes_no_other_address(text: str) -> None:
    assert parse_email(text.upper()).key == parse_email(text.lower()).key == parse_email(text.title()).key
