"""Security headers: what every answer of ours says to a browser, ready as raw header lines (OWASP ASVS 3.4; MDN).

Pages run no script at all, so the policy allows none. Nothing is framed, sniffed, referred to or cached that belongs to
one person.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from coatcheck.carriers.raw import RawHeader
from coatcheck.problems import NOT_STORED

_HSTS_FOR: Final = timedelta(days=365)
_PUBLIC_FOR: Final = timedelta(minutes=5)
_ASSET_FOR: Final = timedelta(days=365)

_PAGE_POLICY: Final = (
    b"default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_API_POLICY: Final = b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

_EVERYWHERE: Final[tuple[RawHeader, ...]] = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (
        b"permissions-policy",
        b"camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
)
_OURS_ALONE: Final[RawHeader] = (b"cross-origin-resource-policy", b"same-origin")
_FOR_ALL: Final[RawHeader] = (b"cross-origin-resource-policy", b"cross-origin")


def _kept(span: timedelta, more: bytes = b"") -> RawHeader:
    return (b"cache-control", b"public, max-age=%d" % (span // timedelta(seconds=1)) + more)


@dataclass(frozen=True, slots=True)
class SecurityHeaders:
    """The lines for each kind of answer; append them to its raw headers.

    ``page`` is for HTML, ``api`` for JSON and everything else about a person, ``public`` for key sets and metadata that
    anybody may fetch (five minutes in caches), ``asset`` for static files whose address changes with their content.
    """

    page: tuple[RawHeader, ...]
    api: tuple[RawHeader, ...]
    public: tuple[RawHeader, ...]
    asset: tuple[RawHeader, ...]

    @classmethod
    def of(cls, *, is_local: bool) -> "SecurityHeaders":
        """Make the lines; Strict-Transport-Security (a year) is left out on plain-http localhost only."""
        hsts = (b"strict-transport-security", b"max-age=%d" % (_HSTS_FOR // timedelta(seconds=1)))
        always = _EVERYWHERE if is_local else (*_EVERYWHERE, hsts)
        machine = (*always, (b"content-security-policy", _API_POLICY))
        return cls(
            page=(*always, (b"content-security-policy", _PAGE_POLICY), _OURS_ALONE, NOT_STORED),
            api=(*machine, _OURS_ALONE, NOT_STORED),
            public=(*machine, _FOR_ALL, _kept(_PUBLIC_FOR)),
            asset=(*machine, _OURS_ALONE, _kept(_ASSET_FOR, b", immutable")),
        )
