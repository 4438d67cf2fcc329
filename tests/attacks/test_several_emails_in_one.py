"""ID-03: more than one address, a name, a comment or a header line in the field for one address."""

import pytest

from coatcheck.errors import RequestInvalid
from coatcheck.model.email import parse_email


@pytest.mark.parametrize(
    "text",
    [
        "a@example.com,b@evil.example",
        "a@example.com, b@evil.example",
        "a@example.com;b@evil.example",
        "a@example.com b@evil.example",
        "a@example.com\nBcc: b@evil.example",
        "a@example.com\r\nBcc: b@evil.example",
        "a@example.com\r\n\r\nbody",
        "a@example.com%0d%0aBcc:b@evil.example",
        "a\r\n@example.com",
        "a@example.com\n",
        "\na@example.com",
        "a@example.com\u2028b@evil.example",
        "a@example.com\x85",
        '"a@b"@example.com',
        '"a b"@example.com',
        '"a"@example.com',
        "a@b@example.com",
        "a@example.com@evil.example",
        "a@example.com(b@evil.example)",
        "a(comment)@example.com",
        "a@(comment)example.com",
        "<a@example.com>",
        "Ada <a@example.com>",
        "a@example.com<b@evil.example>",
        "<@evil.example:a@example.com>",
        "@evil.example:a@example.com",
        "mailto:a@example.com",
        "a@example.com?bcc=b@evil.example",
        "['a@example.com', 'b@evil.example']",
        '{"$ne": "a@example.com"}',
        "a\\@evil.example@example.com",
        "=?utf-8?q?a=40evil.example?=@example.com@",
        "a@[192.0.2.1]",
        "group:a@example.com,b@evil.example;",
    ],
)
def test_whatever_is_not_one_plain_address_is_refused(text: str) -> None:
    with pytest.raises(RequestInvalid):
        parse_email(text)
