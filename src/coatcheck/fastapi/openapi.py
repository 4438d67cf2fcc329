"""Puts Coatcheck's endpoints and carriers into the host's own OpenAPI document.

The host's part is made, and kept, by FastAPI as before. Ours is added to a copy of it, anew only when FastAPI made its
part anew. Our names get a prefix, so that they meet none of the host's.
"""

from collections.abc import Callable
from typing import Any, Final

from fastapi import FastAPI

from coatcheck.fastapi.dependencies import REQUIRED, WELCOME

Document = dict[str, Any]

_SCHEMAS: Final = "#/components/schemas/"
_SCHEMA_PREFIX: Final = "Coatcheck"
_SCHEME_PREFIX: Final = "coatcheck-"
_TAG: Final = "Authentication"


def extend_openapi(app: FastAPI, ours: Document) -> None:
    """Let ``app.openapi()`` return the host's document with ``ours`` in it."""
    build: Callable[[], Document] = app.openapi
    prefixed = _prefixed(ours)
    theirs: Document | None = None
    merged: Document = {}

    def openapi() -> Document:
        nonlocal theirs, merged
        current = build()
        if current is not theirs:
            theirs, merged = current, _merged(current, prefixed)
        return merged

    app.openapi = openapi  # type: ignore[method-assign]


def _prefixed(ours: Document) -> Document:
    """Our paths and components under names of our own."""
    components = ours["components"]
    paths = {path: _renamed(item) for path, item in ours["paths"].items()}
    for item in paths.values():
        for operation in item.values():
            operation["tags"] = [_TAG]
            operation["security"] = [_renamed_schemes(each) for each in operation["security"]]
    return {
        "paths": paths,
        "schemas": {_SCHEMA_PREFIX + name: _renamed(each) for name, each in components["schemas"].items()},
        "securitySchemes": _renamed_schemes(components["securitySchemes"]),
    }


def _renamed(part: Any) -> Any:
    """A copy of ``part`` whose references point to the prefixed names."""
    if isinstance(part, dict):
        return {name: _renamed(value) for name, value in part.items()}
    if isinstance(part, list):
        return [_renamed(value) for value in part]
    if isinstance(part, str) and part.startswith(_SCHEMAS):
        return _SCHEMAS + _SCHEMA_PREFIX + part.removeprefix(_SCHEMAS)
    return part


def _renamed_schemes(schemes: Document) -> Document:
    return {_SCHEME_PREFIX + name: value for name, value in schemes.items()}


def _merged(theirs: Document, ours: Document) -> Document:
    components = theirs.get("components", {})
    schemes = {name: each for name, each in components.get("securitySchemes", {}).items() if name not in _PLACEHOLDERS}
    either: list[Document] = [{name: []} for name in ours["securitySchemes"]]
    return {
        **theirs,
        "paths": {**{path: _with_carriers(item, either) for path, item in theirs["paths"].items()}, **ours["paths"]},
        "components": {
            **components,
            "schemas": {**components.get("schemas", {}), **ours["schemas"]},
            "securitySchemes": {**schemes, **ours["securitySchemes"]},
        },
    }


_PLACEHOLDERS: Final = (REQUIRED, WELCOME)


def _with_carriers(item: Document, either: list[Document]) -> Document:
    """A path item in which any carrier will do wherever one of our guards stands."""
    return {
        method: {**operation, "security": _carriers(operation["security"], either)}
        if isinstance(operation, dict) and "security" in operation
        else operation
        for method, operation in item.items()
    }


def _carriers(security: list[Document], either: list[Document]) -> list[Document]:
    """``security`` with our placeholders replaced. Its entries are alternatives, ``{}`` is nobody at all."""
    kept = [each for each in security if not any(name in each for name in _PLACEHOLDERS)]
    if any(REQUIRED in each for each in security):
        return [*kept, *either]
    if any(WELCOME in each for each in security):
        return [*kept, *either, {}]
    return kept
