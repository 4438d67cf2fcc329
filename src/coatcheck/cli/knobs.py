"""Every setting with its variable, its default and what it says of itself: read from ``coatcheck.settings``."""

import ast
import dataclasses
import inspect
import re
from collections.abc import Iterator
from datetime import timedelta
from enum import Enum
from typing import Any, Final, NamedTuple

from coatcheck import settings as declared
from coatcheck.cli.environment import variables
from coatcheck.errors import Misconfigured
from coatcheck.settings import Settings
from coatcheck.stores.place import place_of

_SECRET: Final = "secrets"  # noqa: S105 - the name of the setting
_HIDDEN: Final = "(hidden)"
_URLS: Final = ("database", "cache")
_UNITS: Final = (
    ("d", timedelta(days=1)),
    ("h", timedelta(hours=1)),
    ("m", timedelta(minutes=1)),
    ("s", timedelta(seconds=1)),
    ("ms", timedelta(milliseconds=1)),
)


class Knob(NamedTuple):
    """One setting. ``value`` and ``default`` are as the environment would have them; ``says`` is its docstring."""

    variable: str
    place: str
    value: str
    default: str
    says: str

    @property
    def is_changed(self) -> bool:
        """True when it is not the default."""
        return self.value != self.default


def knobs(settings: Settings) -> Iterator[Knob]:
    """Every setting, in the order in which they are declared."""
    documented, plain = dict(_docstrings(Settings, "")), Settings()
    for variable, place in variables():
        value, default = _at(settings, place), _at(plain, place)
        shown = _HIDDEN if place == _SECRET and value else written(value)
        if place == "database" and not _is_address(value):
            shown = _HIDDEN
        elif place in _URLS:
            shown = re.sub(r"(?<=password=)[^&]*", _HIDDEN, re.sub(r"//.*@", f"//{_HIDDEN}@", shown))
        yield Knob(variable, place, shown, written(default), documented[place])


def _is_address(url: str) -> bool:
    """True when it can be told where in ``url`` a password is."""
    try:
        place_of(url)
    except Misconfigured:
        return False
    return True


def written(value: Any) -> str:
    """A value as the environment would have it."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case timedelta():
            return next((f"{value // unit}{name}" for name, unit in _UNITS if not value % unit), "0s")
        case tuple():
            return ",".join(map(str, value))
        case Enum():
            return str(value.value)
        case _:
            return str(value)


def _at(settings: Settings, place: str) -> Any:
    found: Any = settings
    for name in place.split("."):
        found = getattr(found, name)
    return found


def _docstrings(shape: type[Any], before: str) -> Iterator[tuple[str, str]]:
    """The string below each field; Python keeps none of them, so the source is read."""
    body = ast.parse(inspect.getsource(shape)).body[0]
    assert isinstance(body, ast.ClassDef)  # noqa: S101 - for the type checker
    for field, below in zip(body.body, body.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            name, kind = field.target.id, getattr(declared, ast.unparse(field.annotation), None)
            if dataclasses.is_dataclass(kind) and isinstance(kind, type):
                yield from _docstrings(kind, f"{before}{name}.")
            elif isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
                yield f"{before}{name}", " ".join(str(below.value.value).replace("``", "").split())
