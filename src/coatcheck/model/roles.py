"""What a role may be called. Roles travel in tokens, so they are few and short (RFC 9068 §2.2.3.1)."""

import re
from collections.abc import Iterable
from typing import Final

from coatcheck.errors import FieldError, RequestInvalid

MOST_ROLES: Final = 32
_ROLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]{0,63}", re.ASCII)


def check_roles(roles: Iterable[str]) -> None:
    """Raises RequestInvalid when there are too many, or one is not a plain short name."""
    named = tuple(roles)
    if len(named) > MOST_ROLES or not all(_ROLE.fullmatch(role) for role in named):
        raise RequestInvalid(
            [FieldError("roles", f"Up to {MOST_ROLES} roles of up to 64 letters, digits and _ . : / - each.")]
        )
