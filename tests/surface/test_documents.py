"""The pages hold together: links lead somewhere, names that they mention are there, code parses."""

import ast
import importlib
import re
from pathlib import Path

import pytest

from coatcheck.auth import Auth
from coatcheck.cli.environment import variables
from tests.surface.documents import ROOT, blocks, name_of, pages, text_of, without_code

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
PATH = re.compile(
    r"(?:src|docs|tests|examples|benchmarks|requirements)/[\w./-]*[\w/]|\.ci/run|Makefile|pyproject\.toml"
)
NAMES = [name_of(page) for page in pages()]
VARIABLE = re.compile(r"\bCOATCHECK_[A-Z_]+[A-Z]\b")


def _slug(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("name", NAMES)
def test_every_relative_link_leads_somewhere(name):
    broken = []
    for target in LINK.findall(without_code(text_of(name))):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        there = ((ROOT / name).parent / path).resolve() if path else ROOT / name
        if not there.exists():
            broken.append(target)
        elif anchor:
            headings = re.findall(r"^#+ (.+)$", there.read_text(encoding="utf-8"), re.MULTILINE)
            if anchor not in map(_slug, headings):
                broken.append(target)
    assert not broken


@pytest.mark.parametrize("name", NAMES)
def test_every_path_of_the_project_that_is_named_is_there(name):
    named = {hit for code in CODE.findall(text_of(name)) for hit in PATH.findall(code) if "…" not in code}
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_dotted_name_that_is_mentioned_exists(name):
    mentioned = set(re.findall(r"(?<![\w./-])coatcheck(?:\.\w+)+(?!\w|\.\w|[@/-])", text_of(name)))
    missing = [each for each in sorted(mentioned) if not each.endswith((".secret", ".db")) and not _exists(each)]
    assert not missing


@pytest.mark.parametrize("name", NAMES)
def test_every_method_of_auth_that_is_mentioned_exists(name):
    mentioned = set(re.findall(r"\bauth\.([a-z]\w*)\(", text_of(name)))
    assert [each for each in sorted(mentioned) if not hasattr(Auth, each)] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_variable_that_is_mentioned_is_a_setting(name):
    known = {variable for variable, _ in variables()}
    mentioned = {each.removesuffix("_FILE") for each in VARIABLE.findall(text_of(name))}
    assert sorted(mentioned - known) == []


@pytest.mark.parametrize("name", NAMES)
def test_every_block_of_python_parses(name):
    for code in blocks(name, "python"):
        compile(code, name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)


@pytest.mark.parametrize("name", NAMES)
def test_every_make_target_that_is_mentioned_exists(name):
    targets = set(re.findall(r"^([a-z]+):", text_of("Makefile"), re.MULTILINE))
    mentioned = set(re.findall(r"(?:`|^    )make ([a-z]+)", text_of(name), re.MULTILINE))
    assert mentioned <= targets


@pytest.mark.parametrize("name", NAMES)
def test_every_selection_of_tests_that_is_mentioned_selects_some(name):
    for command in re.findall(r"`pytest ([^`]+)`", text_of(name)):
        paths, _, wanted = command.partition(" -k ")
        found = [file for path in paths.split() for file in _tests_in(ROOT / path)]
        assert found, command
        names = " ".join(f"{file.name} {file.read_text(encoding='utf-8')}" for file in found)
        words = wanted.strip('"').split(" or ") if wanted else []
        assert [word for word in words if not re.search(rf"def test_\w*{word}|test_\w*{word}\w*\.py", names)] == []


@pytest.mark.parametrize("name", ["Makefile", *NAMES])
def test_every_module_that_is_run_is_there(name):
    modules = re.findall(r"(?:python|\(PY\)) -m ((?:tests|benchmarks|coatcheck)[\w.]*)", text_of(name))
    there = [ROOT / base / module.replace(".", "/") for module in modules for base in (".", "src")]
    found = {path for path in there if path.with_suffix(".py").exists() or (path / "__main__.py").exists()}
    assert len(found) == len(set(modules)), modules


def _tests_in(path: Path) -> list[Path]:
    return [path] if path.is_file() else sorted(path.glob("**/test_*.py"))


def _exists(dotted: str) -> bool:
    parts = dotted.split(".")
    for count in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:count]))
        except ModuleNotFoundError:
            continue
        for part in parts[count:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False
