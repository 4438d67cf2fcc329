"""What a person may be called: nearly everything."""

from typing import Final

from coatcheck.errors import FieldError, RequestInvalid

LONGEST_NAME: Final = 100
"""Characters."""


def check_name(name: str) -> None:
    """Raises RequestInvalid for a name that is too long or holds control characters."""
    if len(name) > LONGEST_NAME or not all(character.isprintable() for character in name):
        raise RequestInvalid([FieldError("name", f"A name has up to {LONGEST_NAME} visible characters.")])
