"""Settings from the environment: ``COATCHECK_…``, read by the command line only.

Every field of ``coatcheck.settings.Settings`` has a variable, made from its place: ``sessions.idle_after`` is
``COATCHECK_SESSIONS_IDLE_AFTER``. ``COATCHECK_DATABASE_URL``, ``COATCHECK_CACHE_URL``, ``COATCHECK_URL`` and
``COATCHECK_SECRETS`` are at the top. With ``_FILE`` at the end the value is read from that file, so that no secret has
to stand in the environment. Spans are written like ``90s``, ``15m``, ``12h`` or ``30d``; lists with commas, or in a
file one item a line; secrets with the current one first.
"""

import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

from coatcheck.errors import Misconfigured
from coatcheck.model.key import Algorithm
from coatcheck.settings import Settings

PREFIX: Final = "COATCHECK"
_RENAMED: Final = {"COATCHECK_DATABASE": "COATCHECK_DATABASE_URL", "COATCHECK_CACHE": "COATCHECK_CACHE_URL"}
_OURS_BUT_NO_SETTING: Final = frozenset({"COATCHECK_WORKER_NAME"})
_SPAN: Final = re.compile(r"(\d+)(ms|s|m|h|d)", re.ASCII)
_UNITS: Final = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def settings_from(environment: Mapping[str, str]) -> Settings:
    """Read the settings. Raises Misconfigured, naming the variable, for a value that can't be read, one that is given
    twice, and a ``COATCHECK_…`` variable that means nothing: a typing error must not leave a protection unset."""
    known = set(_OURS_BUT_NO_SETTING)
    settings: Settings = _fill(Settings, PREFIX, environment, known)
    unknown = sorted(name for name in environment if name.startswith(f"{PREFIX}_") and name not in known)
    if unknown:
        raise Misconfigured(f"{unknown[0]} is not a setting; `coatcheck doctor --settings` lists them all")
    return settings


def variables() -> Iterator[tuple[str, str]]:
    """Every variable with the place of the setting it sets."""
    yield from _variables(Settings, PREFIX, "")


def _variables(shape: type, prefix: str, place: str) -> Iterator[tuple[str, str]]:
    hints = get_type_hints(shape)
    for field in dataclasses.fields(shape):
        name, where = f"{prefix}_{field.name.upper()}", f"{place}{field.name}"
        if dataclasses.is_dataclass(hints[field.name]):
            yield from _variables(hints[field.name], name, f"{where}.")
        else:
            yield _RENAMED.get(name, name), where


def _fill(shape: type[Any], prefix: str, environment: Mapping[str, str], known: set[str]) -> Any:
    hints = get_type_hints(shape)
    given: dict[str, Any] = {}
    for field in dataclasses.fields(shape):
        kind, name = hints[field.name], f"{prefix}_{field.name.upper()}"
        if dataclasses.is_dataclass(kind):
            given[field.name] = _fill(kind, name, environment, known)  # type: ignore[arg-type]
            continue
        name = _RENAMED.get(name, name)
        known |= {name, f"{name}_FILE"}
        direct, file = environment.get(name), environment.get(f"{name}_FILE")
        if direct is not None and file is not None:
            raise Misconfigured(f"both {name} and {name}_FILE are set; keep one")
        if file is not None:
            given[field.name] = _read(name, kind, _text(name, file), _lines)
        elif direct is not None:
            given[field.name] = _read(name, kind, direct, _list)
    return shape(**given)


def _text(name: str, file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise Misconfigured(f"{name}_FILE: {file} can't be read") from None


def _read(name: str, kind: Any, text: str, items: Callable[[str], tuple[str, ...]]) -> Any:
    try:
        if kind == tuple[str, ...]:
            return items(text)
        return _one_of(get_args(kind), text) if get_origin(kind) is Literal else _READERS[kind](text)
    except (KeyError, ValueError):
        # The value itself is not repeated: it may be a secret.
        raise Misconfigured(f"{name} can't be read as {_described(kind)}") from None


def _described(kind: Any) -> str:
    if get_origin(kind) is Literal:
        *others, last = get_args(kind)
        return f"one of {', '.join(others)} and {last}"
    return _KINDS.get(kind, "its kind of value")


def _span(text: str) -> timedelta:
    match = _SPAN.fullmatch(text)
    if match is None:
        raise ValueError("not a span")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def _flag(text: str) -> bool:
    return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}[text.lower()]


def _list(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in re.split(r"[,\n]", text) if part.strip())


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def _one_of(choices: tuple[str, ...], text: str) -> str:
    if text not in choices:
        raise ValueError("not offered")
    return text


_READERS: Final[dict[Any, Callable[[str], Any]]] = {
    str: str,
    str | None: str,
    int: int,
    float: float,
    bool: _flag,
    timedelta: _span,
    Algorithm: Algorithm,
}
_KINDS: Final = {
    int: "a whole number",
    float: "a number",
    bool: "yes or no",
    timedelta: "a span like 90s, 15m, 12h or 30d",
    Algorithm: "one of ES256, EdDSA, RS256 and HS256",
}
