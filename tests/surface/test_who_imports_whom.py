"""The import law holds: the contracts in pyproject.toml, as `make lint` checks them."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.surface.documents import ROOT, files, text_of

RULES = "The rules know no framework, no driver, no event loop, no thread, no clock and no environment"
CONTRACTS = tomllib.loads(text_of("pyproject.toml"))["tool"]["importlinter"]["contracts"]


@pytest.mark.slow
def test_every_contract_is_kept():
    done = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


def test_the_rules_are_all_under_the_strictest_contract():
    strictest = next(each for each in CONTRACTS if each["name"] == RULES)
    rooms = {f"coatcheck.{room}" for room in ("model", "tokens", "carriers", "revocation", "checking")}
    assert rooms <= set(strictest["source_modules"])


def test_every_room_has_its_layer():
    placed = {name.strip() for layer in CONTRACTS[0]["layers"] for name in re.split("[|:]", layer)}
    package = ROOT / "src/coatcheck"
    there = {path.relative_to(package).parts[0] for path in files() if path.is_relative_to(package)}
    assert placed == {name.removesuffix(".py") for name in there} - {"__init__", "py.typed"}
