"""LO-02, LG-24: a database's password has an ``@`` or ``/`` that is not percent-encoded. For PostgreSQL's library half
of it is then a host or the name of a database, and whoever reads a message or the audit trail reads that half."""

import traceback
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from coatcheck.errors import Misconfigured
from coatcheck.stores.open import store_for
from coatcheck.stores.place import parameters_of, place_of
from tests.cli.conftest import CommandLine

HALVES = ("cana7f3k", "rest9q2x")
ILL_FORMED = [
    f"postgresql://app:{HALVES[0]}/{HALVES[1]}@db.example.com/app",
    f"postgresql://app:{HALVES[0]}@{HALVES[1]}@db.example.com/app",
    f"postgresql://app:{HALVES[0]}@{HALVES[1]}/x@db.example.com/app",
    f"postgresql://app:1/{HALVES[1]}@db.example.com/app",
    f"postgresql://app:1?{HALVES[0]}/{HALVES[1]}@db.example.com/app",
    f"postgresql://app:{HALVES[0]}@{HALVES[1]}?x@db.example.com/app",
    f"postgresql://app:{HALVES[0]}%zz{HALVES[1]}@db.example.com/app",
    f"postgresql://app:{HALVES[0]}%ab{HALVES[1]}@db.example.com/app",
    f"postgresql://app:{HALVES[0]}\udcff{HALVES[1]}@db.example.com/app",
    f"postgresql://app:{HALVES[0]}%00{HALVES[1]}@db.example.com/app",
    f"postgresql://app:{HALVES[0]}@[{HALVES[1]}@db.example.com/app",
    f"postgresql://db.example.com/app?password={HALVES[0]}&{HALVES[1]}",
    f"postgresql://app:{HALVES[0]}?@{HALVES[1]}@db.example.com/app",
    f"postgresql://db.example.com?password={HALVES[0]}@{HALVES[1]}",
    f"postgresql://app:{HALVES[0]},{HALVES[1]}",
    f"postgresql+psycopg://app:{HALVES[0]}{HALVES[1]}@db.example.com/app",
    f"host=db.example.com password={HALVES[0]}{HALVES[1]}",
    f"sqlite:///app.db?password={HALVES[0]}{HALVES[1]}",
]
COMMANDS = [
    ("doctor",),
    ("doctor", "--json"),
    ("doctor", "--settings"),
    ("schema", "status"),
    ("schema", "upgrade"),
    ("users", "list"),
    ("audit", "list"),
    ("keys", "list"),
    ("incident", "deny", "ann@example.com", "--reason", "leaked", "--yes"),
    ("token", "ccs_x"),
    ("copy", "sqlite:///app.db"),
    ("serve", "--port", "0"),
]


@pytest.mark.parametrize("url", ILL_FORMED)
def test_it_is_refused_before_anything_is_said(url: str) -> None:
    for read in (place_of, store_for, parameters_of):
        with pytest.raises(Misconfigured) as refused:
            read(url)
        told = "".join(traceback.format_exception(refused.value))
        assert not any(half in told for half in HALVES)
    if url.startswith("postgresql://"):
        assert "percent-encode" in refused.value.message


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_no_command_prints_half_of_it(tmp_path: Path, words: tuple[str, ...]) -> None:
    run = CommandLine(tmp_path)
    secret = tmp_path / "secret"
    secret.write_text("for-this-test-only-long-and-varied-enough-8fk2lq0x")
    secret.chmod(0o600)
    for url in ILL_FORMED:
        run(*words, COATCHECK_DATABASE_URL=url, COATCHECK_SECRETS_FILE=str(secret))
        shown = run.out + run.err
        assert not any(half in shown for half in HALVES), (url, shown)
        assert "Traceback" not in shown
        assert run.code or words[-1] == "--settings", (url, shown)


@pytest.mark.parametrize("url", [url for url in ILL_FORMED if "://" in url])
def test_an_import_from_there_is_refused_and_leaves_no_trace(tmp_path: Path, url: str) -> None:
    run = CommandLine(tmp_path)
    run.make_database()
    run("users", "import", url, "--format", "django")
    assert run.code in (1, 2)
    shown = run.out + run.err + run("audit", "export")
    assert not any(half in shown for half in HALVES)


@given(st.text("ab1@/:?#%&=[],;.", max_size=12))
@example("?@")
def test_whatever_a_password_is_no_part_of_it_becomes_another(password: str) -> None:
    try:
        read = parameters_of(f"postgresql://app:{password}@db.example.com/orders")
    except Misconfigured:
        assert set(password) & set("@/?%")
    else:
        assert (read["host"], read["dbname"], read["user"]) == ("db.example.com", "orders", "app")
    encoded = parameters_of(f"postgresql://app:{quote(password, safe='')}@db.example.com/orders")
    assert encoded.get("password", "") == password
