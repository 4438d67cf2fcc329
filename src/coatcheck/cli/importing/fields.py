"""The members of one record, each read as what it has to be. A refusal names the member and never repeats its value: in
a file whose columns got mixed up it may be anybody's password."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from coatcheck.errors import FieldError, RequestInvalid

_LONGEST_NAME: Final = 30


def refused(field: str, reason: str) -> RequestInvalid:
    """What is raised for a member that is not acceptable."""
    return RequestInvalid([FieldError(field, reason)])


class Fields:
    """Reads a record. Null is as if it were not there. The methods raise RequestInvalid for another kind."""

    def __init__(self, members: Mapping[str, Any]) -> None:
        self._members = members

    def unknown(self, known: Collection[str]) -> str | None:
        """A member that nobody knows, if there is one; not by a name that may be a value."""
        field = next((each for each in self._members if each not in known), None)
        return field if field is None or (field.isidentifier() and len(field) <= _LONGEST_NAME) else "?"

    def text(self, field: str, otherwise: str = "") -> str:
        """Text, without NUL, which PostgreSQL does not keep, and without halves of characters."""
        found = self._members.get(field)
        if found is None:
            return otherwise
        if not isinstance(found, str):
            raise refused(field, "This must be text.")
        if "\0" in found or any("\ud800" <= character <= "\udfff" for character in found):
            raise refused(field, "This contains characters that are not valid text.")
        return found

    def flag(self, field: str, otherwise: bool) -> bool:
        """True or false; in some databases 1 or 0."""
        found = self._members.get(field)
        if found is None:
            return otherwise
        if found not in (True, False) or isinstance(found, float):
            raise refused(field, "This must be true or false.")
        return bool(found)

    def instant(self, field: str, otherwise: datetime, *, now: datetime) -> datetime:
        """An instant in the past, as RFC 3339 or as databases write it; UTC where nothing else is said."""
        found = self._members.get(field)
        if found is None:
            return otherwise
        try:
            at = found if isinstance(found, datetime) else datetime.fromisoformat(found)
            at = (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
        except (TypeError, ValueError, OverflowError):
            raise refused(field, "This must be an instant like 2026-11-21T09:00:00Z.") from None
        if at > now or at.year < 1970:
            raise refused(field, "This must lie in the past, and after 1970.")
        return at

    def texts(self, field: str) -> tuple[str, ...]:
        """A list of texts."""
        found = self._members.get(field)
        if found is None:
            return ()
        if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
            raise refused(field, "This must be a list of texts.")
        return tuple(found)

    def members(self, field: str) -> dict[str, Any]:
        """An object."""
        found = self._members.get(field)
        if found is None:
            return {}
        if not isinstance(found, dict):
            raise refused(field, "This must be an object.")
        return found

    def key(self, field: str) -> int | str | None:
        """What another application's database calls the record: a number or a text."""
        found = self._members.get(field)
        return found if isinstance(found, int) else self.text(field) or None
