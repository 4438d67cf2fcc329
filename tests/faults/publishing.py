"""Writing figures into ``docs/faults.md``: one section per fault, between two marks, replaced by each run."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "faults.md"
PAGES = {"regions": DOCS / "regions.md"}
"""Where else than on the page of faults something is published."""


def publish(name: str, title: str, outcome: str, figures: dict[str, Any], asked: object, page: Path = PAGE) -> None:
    """Put what was measured into the section of the fault called ``name``. Raises ValueError without such a section.

    ``asked`` is written as it stands on the command line.
    """
    day = datetime.now(UTC).strftime("%Y-%m-%d")
    rows = "\n".join(f"| {figure.strip()} | {_written(value)} |" for figure, value in figures.items())
    words = " ".join(title.split())
    section = f"`python -m tests.faults {name} {asked}`, {day}: **{outcome}**\n\n| {words} | |\n|---|---|\n{rows}\n"
    text, count = re.subn(
        rf"(<!-- {name} -->\n).*?(<!-- end -->)",
        lambda found: found[1] + section + found[2],
        page.read_text(encoding="utf-8"),
        flags=re.DOTALL,
    )
    if count != 1:
        raise ValueError(f"docs/faults.md has no section for {name}")
    page.write_text(text, encoding="utf-8")


def _written(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else " ".join(str(value).split())
