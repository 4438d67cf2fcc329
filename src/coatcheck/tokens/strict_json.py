"""JSON objects read without any leniency: one meaning per text, and bounded work.

Where two parsers disagree about a text, a signed object means one thing to the signer's library and another to ours.
RFC 7515 §4 and RFC 7519 §4 want duplicate members refused; msgspec and ``json`` keep the last silently.
"""

from json import JSONDecoder
from math import isfinite
from typing import Any, Final

_MOST_BRACKETS: Final = 64


def _unique(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) != len(members):
        raise ValueError("a member appears twice")
    return found


def _finite(digits: str) -> float:
    number = float(digits)
    if not isfinite(number):
        raise ValueError("a number is out of range")
    return number


def _no_constant(_name: str) -> None:
    raise ValueError("not a JSON number")


_DECODER: Final = JSONDecoder(object_pairs_hook=_unique, parse_float=_finite, parse_constant=_no_constant)


def read_object(raw: bytes) -> dict[str, Any]:
    """Return the JSON object in ``raw``.

    Raises ValueError for anything that is not UTF-8, starts with a byte-order mark, is no object, has a member twice at
    any depth, holds NaN, Infinity or a number out of range, or opens more than 64 brackets (so no text is deep enough
    to exhaust the stack).
    """
    if raw.count(b"{") + raw.count(b"[") > _MOST_BRACKETS:
        raise ValueError("too many brackets")
    found = _DECODER.decode(raw.decode("utf-8"))
    if not isinstance(found, dict):
        raise ValueError("not a JSON object")
    return found
