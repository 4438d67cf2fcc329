"""The project's pages, and what stands in them: code blocks, tables, links."""

import re
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CELL = re.compile(r"(?<!\\)\|")


@cache
def files() -> tuple[Path, ...]:
    """Every file of the project: what git tracks, and what it would if asked to add everything."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    paths = sorted({ROOT / name for name in listed.stdout.split("\0") if name})
    return tuple(path for path in paths if path.is_file())


def pages() -> list[Path]:
    """Every page of documentation."""
    return [path for path in files() if path.suffix == ".md"]


def name_of(path: Path) -> str:
    """The path as the project has it."""
    return path.relative_to(ROOT).as_posix()


def text_of(name: str) -> str:
    """What a file of the project says."""
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(name: str, language: str) -> list[str]:
    """The code blocks of one language in a page, in order."""
    return [code for found, code in _BLOCK.findall(text_of(name)) if found == language]


def rows(name: str) -> list[list[str]]:
    """Every table row of a page, as cells without their padding."""
    lines = [line for line in text_of(name).splitlines() if line.startswith("|")]
    return [[cell.strip().replace("\\|", "|") for cell in _CELL.split(line)[1:-1]] for line in lines]


def without_code(text: str) -> str:
    """A page without its code, fenced or inline."""
    return re.sub(r"`[^`\n]*`", "", _BLOCK.sub("", text))
