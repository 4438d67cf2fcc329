"""Writes docs/settings.md from the settings themselves, so that the page says what the code does.

    python -m tests.surface.settings_page > docs/settings.md

A test compares the page with what this prints.
"""

import ast
import dataclasses
import sys
from collections.abc import Iterator
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from coatcheck import settings
from coatcheck.cli.environment import variables
from coatcheck.settings import Settings

HEAD = """\
# Settings

<!-- Made by `python -m tests.surface.settings_page > docs/settings.md` from src/coatcheck/settings.py. -->

Every setting is a field of `coatcheck.Settings`, nested by room, and every one has a default that is safe for
development:

```python
from datetime import timedelta
from coatcheck import Auth, Settings
from coatcheck.settings import SessionSettings, WebSettings

auth = Auth(
    Settings(
        database="sqlite:////var/lib/coatcheck/app.db",
        url="https://app.example.com",
        secrets=("…",),  # made with: coatcheck keys secret
        sessions=SessionSettings(idle_after=timedelta(hours=1)),
        web=WebSettings(trusted_proxies=("10.0.0.10/32",)),
    )
)
```

The command line reads the variables beside them; an embedded application reads no variable. With `_FILE` at the end of
its name a variable names a file that holds the value, so that no secret has to stand in the environment. Spans are
written like `90s`, `15m`, `12h` or `30d`, lists with commas, or in a file one item a line. Of several secrets the
current one comes first. A `COATCHECK_…` variable that means nothing is refused at start: a typing error must not leave
a protection unset.

In production set `url` and `secrets`, and name the proxy that ends TLS ([operating](operating.md)). Values that do not
fit together raise `Misconfigured` at construction, in a sentence that says which.
"""

_UNITS = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1))


def explanations() -> dict[str, dict[str, str]]:
    """The docstring under each field, by class and field; empty where there is none."""
    tree = ast.parse(Path(settings.__file__).read_text(encoding="utf-8"))
    found: dict[str, dict[str, str]] = {}
    for made in tree.body:
        if isinstance(made, ast.ClassDef):
            found[made.name] = dict(_of_fields(made.body))
    return found


def written(value: Any) -> str:
    """A default, as the environment has it."""
    if isinstance(value, timedelta):
        count = value // timedelta(milliseconds=1)
        unit, size = next((unit, size) for unit, size in _UNITS if count % size == 0)
        return f"`{count // size}{unit}`"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value in ((), ""):
        return "none"
    return f"`{value.value if isinstance(value, Enum) else value}`"


def choices(kind: Any) -> list[str]:
    """The values a setting can have, as the environment has them, where they can be listed."""
    if get_origin(kind) is Literal:
        return [written(each) for each in get_args(kind)]
    return [written(each) for each in kind] if isinstance(kind, type) and issubclass(kind, Enum) else []


def page() -> str:
    """The whole page."""
    explained, named = explanations(), {place: name for name, place in variables()}
    top = [field for field in dataclasses.fields(Settings) if not dataclasses.is_dataclass(field.default_factory)]
    rooms = [field for field in dataclasses.fields(Settings) if dataclasses.is_dataclass(field.default_factory)]
    parts = [HEAD, "\n## At the top\n\n", *_table(top, get_type_hints(Settings), explained["Settings"], named, "")]
    for room in rooms:
        shape: Any = room.default_factory
        parts += [f"\n## {room.name}\n\n{_plain(shape.__doc__ or '')}\n\n"]
        parts += _table(
            dataclasses.fields(shape), get_type_hints(shape), explained[shape.__name__], named, f"{room.name}."
        )
    return "".join(parts)


def _of_fields(body: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    for statement, after in zip(body, [*body[1:], ast.Pass()], strict=True):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            is_text = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
            yield statement.target.id, str(after.value.value) if is_text else ""  # type: ignore[attr-defined]


def _table(
    fields: Any, kinds: dict[str, Any], explained: dict[str, str], named: dict[str, str], prefix: str
) -> Iterator[str]:
    yield "| setting | default | what, and why |\n|---|---|---|\n"
    for field in fields:
        place, default = f"{prefix}{field.name}", written(field.default)
        others = [choice for choice in choices(kinds[field.name]) if choice != default]
        shown = f"{default} <br> (or {', '.join(others)})" if others else default
        yield f"| `{place}` <br> `{named[place]}` | {shown} | {_plain(explained[field.name])} |\n"


def _plain(text: str) -> str:
    return " ".join(text.replace("``", "`").replace("|", "\\|").split())


if __name__ == "__main__":
    sys.stdout.write(page())
