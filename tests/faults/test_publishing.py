"""The page of figures is written by the runs."""

import re
from pathlib import Path

import pytest

from tests.faults.catalogue import FAULTS, Asked
from tests.faults.publishing import PAGE, PAGES, publish


def test_a_run_replaces_its_own_section_only(tmp_path: Path) -> None:
    page = tmp_path / "faults.md"
    page.write_text("# A\n<!-- kill -->\nold\n<!-- end -->\n# B\n<!-- fork -->\n<!-- end -->\n")
    publish("kill", "FT-01  killed", "held", {"decisions": 1_000_000, "p99, ms": 3.5}, Asked(7, kills=20), page)
    text = page.read_text()
    assert "old" not in text
    assert "`python -m tests.faults kill --seed 7 --kills 20`" in text
    assert "| decisions | 1,000,000 |" in text
    assert text.endswith("# B\n<!-- fork -->\n<!-- end -->\n")
    with pytest.raises(ValueError, match="no section"):
        publish("none", "", "held", {}, Asked(7), page)


def test_every_fault_has_a_section() -> None:
    pages = [page.read_text(encoding="utf-8") for page in (PAGE, *PAGES.values())]
    sections = [name for page in pages for name in re.findall(r"<!-- ([\w-]+) -->", page) if name != "end"]
    assert sorted(sections) == sorted(FAULTS)
