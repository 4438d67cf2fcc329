"""docs/audit.md lists every kind of entry that the code writes, and each has its words on the pages."""

import ast
import re

from coatcheck.flows.parts.refusals import Why
from coatcheck.model.audit import AuditEntry, Outcome
from coatcheck.model.session import Ending
from coatcheck.web.entries import HAPPENED
from tests.surface.documents import ROOT, rows, text_of

PAGE = "docs/audit.md"
KIND = re.compile(r"[a-z_]+\.[a-z_]+")
ELSEWHERE = ("errors.py", "web/", "testing/", "asgi/", "fastapi/", "verify/")
"""Where dotted words are codes of errors, or names of templates."""


def table() -> dict[str, list[str]]:
    found = [row for row in rows(PAGE) if KIND.fullmatch(row[0].strip("`"))]
    by_kind = {row[0].strip("`"): row[1:] for row in found}
    assert len(by_kind) == len(found), "a kind stands there twice"
    return by_kind


def written_by_the_code() -> set[str]:
    """Every dotted word in the code whose first part is what some entry is about."""
    subjects = {kind.partition(".")[0] for kind in HAPPENED}
    found: set[str] = set()
    for path in (ROOT / "src/coatcheck").rglob("*.py"):
        if path.relative_to(ROOT / "src/coatcheck").as_posix().startswith(ELSEWHERE):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and KIND.fullmatch(node.value):
                found.add(node.value)
    return {kind for kind in found if kind.partition(".")[0] in subjects}


def test_the_page_lists_exactly_what_the_code_writes():
    assert set(table()) == written_by_the_code()


def test_every_kind_has_its_words_on_the_pages():
    assert set(HAPPENED) == set(table())


def test_each_kind_says_what_comes_of_it():
    assert {row[1] for row in table().values()} == {outcome.value for outcome in Outcome}
    refused = {kind for kind, row in table().items() if row[1] == "refused"}
    assert {kind for kind in table() if kind.endswith(("failed", "denied", "replayed"))} - {"checks.denied"} == refused


def test_the_page_names_every_member_every_reason_and_every_ending():
    members = {row[0].strip("`") for row in rows(PAGE)}
    assert set(AuditEntry.__struct_fields__) <= members
    text = text_of(PAGE)
    missing = {each for each in (*Why, *Ending) if f"`{each.value}`" not in text}
    assert missing == {Ending.EVERYTHING}, "what everything-ended has ended is in its one entry"
