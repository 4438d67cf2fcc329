"""What an application keeps beside a session, such as a basket or a chosen language: a small JSON object.

No key of it has a meaning here, and it is plain data: reading it back runs nothing (OWASP ASVS 1.5.2).
"""

from datetime import datetime
from math import isfinite
from typing import Any, Final

import msgspec
from msgspec import Struct

from coatcheck.errors import FieldError, RequestInvalid, RequestTooLarge

DEPTH: Final = 32
"""How many objects and lists may lie in each other."""


class SessionData(Struct, frozen=True, kw_only=True):
    """The data of one session. ``version`` counts its writes, from 1."""

    session_id: str
    version: int
    data: dict[str, Any]
    updated_at: datetime


def check_data(data: object, limit: int) -> None:
    """Refuse what would not come back equal, and what takes more than ``limit`` bytes as JSON.

    Raises RequestInvalid, RequestTooLarge.
    """
    if not isinstance(data, dict) or not _is_json(data, DEPTH):
        raise _invalid(
            "It must be a dict of str, int, float, bool, None, and of lists and dicts of these with str as keys, "
            f"at most {DEPTH} deep."
        )
    try:
        size = len(msgspec.json.encode(data))
    except (TypeError, ValueError) as fault:  # half a surrogate pair, an endless number, somebody's own kind of str
        raise _invalid("It holds what JSON can't write.") from fault
    if size > limit:
        raise RequestTooLarge(f"A session's data may take {limit:,} bytes as JSON; this takes {size:,}.")


def _is_json(value: object, room: int) -> bool:
    if isinstance(value, dict):
        return room > 0 and all(isinstance(key, str) and _is_json(each, room - 1) for key, each in value.items())
    if isinstance(value, list):
        return room > 0 and all(_is_json(each, room - 1) for each in value)
    if isinstance(value, float):
        return isfinite(value)
    return value is None or isinstance(value, str | int)


def _invalid(reason: str) -> RequestInvalid:
    return RequestInvalid([FieldError("data", reason)], f"A session's data can't be kept so. {reason}")
