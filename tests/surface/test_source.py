"""The source keeps the house's rules: one idea a file, every public name explained, nothing of any one machine."""

import ast
import re
from pathlib import Path

import pytest

from tests.surface.documents import ROOT, files, name_of

SOURCE = [path for path in files() if path.suffix == ".py" and path.is_relative_to(ROOT / "src")]
CEILING = 300
NAMED = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
LONGER = {
    "src/coatcheck/auth/auth.py": "one short method for each verb, with its whole signature; the rules are elsewhere",
    "src/coatcheck/checking/checker.py": "the hot path, which is read as a whole and pays for every call",
    "src/coatcheck/errors.py": "the tree of errors, one small class each, is understood at one look",
    "src/coatcheck/settings.py": "the list of all settings, each beside its default, its reason and its limits",
    "src/coatcheck/stores/port.py": "the whole port with its laws, which whoever writes another store reads in one go",
    "src/coatcheck/web/api/admin.py": "sixteen rows of the table of endpoints, each beside its verb",
    "src/coatcheck/web/api/shapes.py": "the contract in types, from which the OpenAPI document is made",
}
"""Why a file is over the ceiling all the same."""

EXEMPT = ("stores/sql/migrations/versions/", "stores/sql/migrations/env.py")
"""Alembic finds these by their own names."""

MACHINE = re.compile(r"(?<![\w.])/(?:home|root|Users|work|private/var)/\w")
REGISTRY = re.compile(r"(?i)\b(?:(?:pypi|python[h]osted|npm[j]s)\.org|index-url|artifactory)\b")
ALLOWED = {("Makefile", "index-url"), ("tests/surface/test_source.py", "index-url")}
"""The Makefile tells the compiler of requirements to leave the address out."""


def _readable() -> list[tuple[str, str]]:
    found = []
    for path in files():
        raw = path.read_bytes()
        if b"\0" not in raw[:4096] and len(raw) < 2_000_000:
            found.append((name_of(path), raw.decode("utf-8", "replace")))
    return found


def _public(tree: ast.Module) -> list[tuple[str, ast.AST]]:
    """Every public class, function and method with its dotted name; what a function has inside is its own business."""
    found: list[tuple[str, ast.AST]] = []

    def look(body: list[ast.stmt], prefix: str) -> None:
        for each in body:
            if isinstance(each, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not each.name.startswith(
                "_"
            ):
                found.append((f"{prefix}{each.name}", each))
                if isinstance(each, ast.ClassDef):
                    look(each.body, f"{prefix}{each.name}.")

    look(tree.body, "")
    return found


def _implements(tree: ast.Module, name: str) -> bool:
    """True for a method of a class that says whose port it is ("See ``stores.port.Users``")."""
    owner = name.rpartition(".")[0]
    made = next((each for each in tree.body if isinstance(each, ast.ClassDef) and each.name == owner), None)
    return made is not None and "See ``" in (ast.get_docstring(made) or "")


@pytest.mark.parametrize("path", SOURCE, ids=name_of)
def test_module_and_public_names_have_docstrings(path: Path):
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    if not any(part in name_of(path) for part in EXEMPT):
        assert ast.get_docstring(tree), "the module does not say what it is"
    silent = [
        name
        for name, node in _public(tree)
        if not ast.get_docstring(node)  # type: ignore[arg-type]
        and not _implements(tree, name)
        and not _needs_no_words(node)
        and not any(part in name_of(path) for part in EXEMPT)
    ]
    assert not silent


def _needs_no_words(node: ast.AST) -> bool:
    """True for a line of a port, for a law of a store (its name is a sentence), and for what SQLAlchemy explains."""
    name: str = getattr(node, "name", "")
    body = getattr(node, "body", [])
    is_line = isinstance(node, ast.FunctionDef) and len(body) == 1 and ast.unparse(body[0]) == "..."
    return is_line or name.startswith("test_") or name in ("process_bind_param", "process_result_value")


def test_no_file_of_the_source_is_long_without_a_reason():
    lengths = {name_of(path): path.read_text(encoding="utf-8").count("\n") for path in SOURCE}
    assert {name for name, lines in lengths.items() if lines > CEILING} <= set(LONGER)
    assert max(lengths.values()) < 2 * CEILING


def test_nothing_names_a_package_registry():
    found = [
        (name, hit[0]) for name, text in _readable() for hit in REGISTRY.finditer(text) if (name, hit[0]) not in ALLOWED
    ]
    assert [each for each in found if each[0] != "tests/surface/test_source.py"] == []


def test_nothing_names_a_place_of_one_machine():
    found = [(name, hit[0]) for name, text in _readable() for hit in MACHINE.finditer(text)]
    assert [each for each in found if each[0] != "tests/surface/test_source.py"] == []


def test_nothing_is_left_to_be_done_later():
    marks = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME)\b")
    assert [(name, hit[0]) for name, text in _readable() for hit in marks.finditer(text) if name.endswith(".py")] == []
