"""Each file of tests/attacks says which attack it tries."""

import ast
import re

import pytest

from tests.surface.documents import ROOT, files, name_of

ATTACKS = [path for path in files() if path.parent == ROOT / "tests/attacks" and path.name.startswith("test_")]
ID = re.compile(r"\b[A-Z]{2}-\d{2}\b")


@pytest.mark.parametrize("path", ATTACKS, ids=name_of)
def test_its_docstring_says_what_is_tried_and_gives_its_id_in_the_catalogue(path):
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    assert ID.search(docstring), "no id"
    assert len(ID.sub("", docstring.partition("\n\n")[0]).split()) >= 5, "not what is tried"
