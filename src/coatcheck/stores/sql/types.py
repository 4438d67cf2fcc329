"""How values are kept in columns: the same on every database, and they come out equal."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

import msgspec
from sqlalchemy import BigInteger, Dialect, Integer, Text
from sqlalchemy.types import TypeDecorator

from coatcheck.errors import StoreUnavailable
from coatcheck.model.position import Epoch

_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

Number = BigInteger().with_variant(Integer(), "sqlite")
"""A 64-bit integer that SQLite may use as the row's own number."""

_parse_epoch = lru_cache(maxsize=16)(Epoch.parse)


class Instant(TypeDecorator[datetime]):
    """An aware datetime, as microseconds since 1970 in UTC. A naive one is refused with TypeError."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        return None if value is None else (value - _BEGINNING) // _MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else _BEGINNING + timedelta(microseconds=value)


class Span(TypeDecorator[timedelta]):
    """A timedelta, as microseconds."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: timedelta | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        return None if value is None else value // _MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> timedelta | None:  # noqa: ARG002
        return None if value is None else timedelta(microseconds=value)


class Named(TypeDecorator[StrEnum]):
    """A member of a StrEnum, by its value."""

    impl = Text
    cache_ok = True

    def __init__(self, enumeration: type[StrEnum]) -> None:
        super().__init__()
        self.enumeration = enumeration

    def process_bind_param(self, value: StrEnum | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else value.value

    def process_result_value(self, value: str | None, dialect: Dialect) -> StrEnum | None:  # noqa: ARG002
        try:
            return None if value is None else self.enumeration(value)
        except ValueError:
            raise StoreUnavailable("The store holds something that this version does not know.") from None


class Json(TypeDecorator[Any]):
    """A value of ``form`` (what msgspec can decode), as JSON text."""

    impl = Text
    cache_ok = True

    def __init__(self, form: Any) -> None:
        super().__init__()
        self.form = form
        self._decode = msgspec.json.Decoder(form).decode
        self._encode = msgspec.json.Encoder().encode

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else self._encode(value).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ARG002
        return None if value is None else self._decode(value)


class EpochText(TypeDecorator[Epoch]):
    """An epoch, as it is written everywhere."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Epoch | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else str(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Epoch | None:  # noqa: ARG002
        return None if value is None else _parse_epoch(value)
