"""The listing of the room is the product: one verb a file, a coroutine of the file's own name."""

import ast

import pytest

from tests.surface.documents import ROOT, name_of

FLOWS = sorted(path for path in (ROOT / "src/coatcheck/flows").glob("*.py") if path.stem != "__init__")


@pytest.mark.parametrize("path", FLOWS, ids=name_of)
def test_a_file_holds_one_flow_of_its_own_name(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    flows = [each.name for each in tree.body if isinstance(each, ast.AsyncFunctionDef) and each.name[0] != "_"]
    assert flows == [path.stem]
