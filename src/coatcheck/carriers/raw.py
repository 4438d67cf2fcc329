"""Request headers as a server hands them over (ASGI: ``scope["headers"]``), before any framework has read them."""

from collections.abc import Iterable
from typing import TypeAlias

RawHeader: TypeAlias = tuple[bytes, bytes]
"""A name in lower case, and a value."""

RawHeaders: TypeAlias = Iterable[RawHeader]
"""Header lines in the order they came, repeated names included."""


def values_of(headers: RawHeaders, name: bytes) -> list[bytes]:
    """Every value of ``name``, which is in lower case: a list, so that a repeated header can't be overlooked."""
    return [value for found, value in headers if found == name]
