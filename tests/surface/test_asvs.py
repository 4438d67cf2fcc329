"""docs/asvs.csv is whole, and what it offers as evidence is there."""

import csv
import re

import pytest

from tests.surface.documents import ROOT, text_of

COLUMNS = ["id", "level", "chapter", "section", "paraphrase", "owner", "check", "status", "evidence"]
NEEDS_EVIDENCE = {"met", "partly", "deployer"}
ROWS = list(csv.DictReader(text_of("docs/asvs.csv").splitlines()))
REMARK = re.compile(r" ?\((.+)\)$")


def test_every_requirement_stands_there_once_with_a_status():
    ids = [row["id"] for row in ROWS]
    assert len(ids) == len(set(ids)) == 201
    assert list(ROWS[0]) == COLUMNS
    assert {row["status"] for row in ROWS} == {"met", "partly", "not yet", "deployer", "not applicable"}


def test_the_licence_goes_with_it():
    said = text_of("docs/asvs.README.md")
    assert "CC BY-SA 4.0" in said
    assert "© OWASP Foundation" in said


@pytest.mark.parametrize("row", [row for row in ROWS if row["status"] in NEEDS_EVIDENCE], ids=lambda row: row["id"])
def test_the_evidence_is_a_file_of_the_project(row):
    paths = REMARK.sub("", row["evidence"]).split()
    assert paths
    assert [path for path in paths if not (ROOT / path).is_file()] == []


@pytest.mark.parametrize("row", [row for row in ROWS if row["status"] == "partly"], ids=lambda row: row["id"])
def test_what_is_met_in_part_says_what_is_missing(row):
    assert REMARK.search(row["evidence"])
