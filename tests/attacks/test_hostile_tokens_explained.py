"""A token made to harm whoever has it explained: claims that steer the terminal, that mean two things, that are huge.

LO-01, LO-02, LO-10, JW-34: `coatcheck token` is what people reach for when a token looks odd, so it is shown odd ones.
"""

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from coatcheck.model.key import Algorithm
from tests.cli.conftest import CommandLine
from tests.serving import coatcheck
from tests.tokens.specimens import compact, header, members, token

STEERING = "\x1b]0;owned\x07\x1b[2J\x1b[31m\x9b2J\r\n\x00\x7f\u202e\u2066\u200b\ud800\U000e0041"


@pytest.fixture
def run(tmp_path: Path) -> CommandLine:
    command = CommandLine(tmp_path)
    command.make_database()
    return command


def explain(run: CommandLine, presented: bytes | str, *more: str) -> str:
    text = presented.decode() if isinstance(presented, bytes) else presented
    run("token", *more, stdin=text)
    assert run.code == 1, run.out + run.err
    return run.out + run.err


def steers(said: str) -> list[str]:
    return [each for each in said if not each.isprintable() and each != "\n"]


@pytest.mark.parametrize("place", ["value", "name", "list", "deep", "header", "iss", "sid"])
def test_nothing_in_a_token_steers_the_terminal(run: CommandLine, place: str) -> None:
    said: dict[str, dict[str, Any]] = {
        "value": members(x=STEERING),
        "name": {**members(), STEERING: 1},
        "list": members(roles=[STEERING]),
        "deep": members(x={"y": [{STEERING: STEERING}]}),
        "iss": members(iss=STEERING),
        "sid": members(sid=STEERING),
    }
    head = {**header(), "kid": STEERING, STEERING: STEERING} if place == "header" else header()
    presented = compact(head, said.get(place, members()))
    shown = explain(run, presented)
    assert not steers(shown)
    assert "owned" in shown, "it is shown, but obeys nobody"
    document = explain(run, presented, "--json")
    assert not steers(document)
    assert STEERING in _texts(json.loads(document)), "a program gets it as it is"


def _texts(value: Any) -> list[Any]:
    """Every name and value in a document."""
    if isinstance(value, dict):
        return [*value, *(each for inner in value.values() for each in _texts(inner))]
    if isinstance(value, list):
        return [each for inner in value for each in _texts(inner)]
    return [value]


@pytest.mark.parametrize("json_too", [(), ("--json",)])
def test_a_claim_given_twice_is_shown_in_neither_meaning(run: CommandLine, json_too: tuple[str, ...]) -> None:
    text = json.dumps(members())
    twice = (text[:-1] + ',"sub":"usr_somebody_else"}').encode()
    said = explain(run, compact(header(), twice), *json_too)
    assert "usr_somebody_else" not in said
    assert "usr_aaaaaaaaaaaaaaaaaaaaaaaaaa" not in said
    assert "read in one way only" in said
    head = (json.dumps(header())[:-1] + ',"alg":"none"}').encode()
    assert "its header is no JSON object that can be read in one way only" in explain(run, compact(head, members()))


def test_what_is_huge_is_refused_before_it_is_decoded(run: CommandLine) -> None:
    began = time.monotonic()
    for size in (9_000, 40_000):
        assert "is not even decoded" in explain(run, compact(header(), members(x="y" * size)))
    assert "more than 65536 characters" in explain(run, b"eyJ" + b"A" * 10_000_000)
    assert "no JSON object" in explain(run, compact(header(), b'{"x":' + b"[" * 3_000 + b"]" * 3_000 + b"}"))
    assert "no JSON object" in explain(run, compact(header(), b'{"exp":' + b"9" * 5_000 + b"}"))
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("number", [10**300, -1, 253_402_300_800, 1e308, True, None, "1800000000", [1], {"a": 1}])
@pytest.mark.parametrize("name", ["exp", "iat", "nbf", "auth_time"])
def test_an_instant_that_no_calendar_has_is_shown_as_it_is(run: CommandLine, name: str, number: Any) -> None:
    said = explain(run, compact(header(), members(**{name: number})))
    assert "Traceback" not in said
    explain(run, compact(header(), members(**{name: number})), "--json")
    assert json.loads(run.out)["claims"][name] == number


@pytest.mark.parametrize("wrong", ["jku", "jwk", "x5u", "crit", "b64", "zip"])
def test_a_header_that_wants_something_is_told_and_not_obeyed(run: CommandLine, wrong: str) -> None:
    said = explain(run, compact({**header(), wrong: "https://evil.example/keys"}, members()))
    assert f"its header has {wrong}: ours has alg, kid and typ, and nothing else" in said


def test_a_token_inside_a_claim_is_not_printed(run: CommandLine) -> None:
    inner = token(Algorithm.ES256).decode()
    opaque = "ccr_" + "q" * 88
    said = explain(run, compact(header(), members(x=inner, y=[f"take {opaque} and go"], z={opaque: 1})))
    said += explain(run, compact(header(), members(x=inner, y=[f"take {opaque} and go"], z={opaque: 1})), "--json")
    assert inner.rpartition(".")[2] not in said
    assert opaque not in said
    assert "(a token, not shown)" in said


def test_a_token_of_another_issuer_is_never_called_good(run: CommandLine) -> None:
    """Rightly signed by somebody else, in date, under any name: the claims are shown as what they are, unproven."""
    for algorithm in Algorithm:
        said = explain(run, token(algorithm, exp=int(time.time()) + 300, iat=int(time.time())))
        assert said.startswith("Access token, refused (token.invalid): no key here has its kid")
        assert "claims, not verified" in said
        assert "accepted" not in said


@pytest.mark.parametrize(
    "presented",
    [b"\xff\xfe\x00binary", "ccs_ünïcode".encode(), b"ccs_\x1b[2Jabc", b"eyJ\x00.x.y", b".", b"...", b"eyJ.."],
)
def test_bytes_that_are_no_token_are_answered_in_one_piece(tmp_path: Path, presented: bytes) -> None:
    done = subprocess.run(coatcheck("token"), input=presented, capture_output=True, cwd=tmp_path, timeout=60)
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    assert not steers((done.stdout + done.stderr).decode())


def test_a_token_as_an_argument_is_refused_and_not_repeated(run: CommandLine) -> None:
    presented = token(Algorithm.ES256).decode()
    for words in (("token", presented), ("token", "-", presented), (presented,), ("token", "--json", presented)):
        run(*words, stdin=presented)
        assert run.code == 2, words
        assert presented.rpartition(".")[2] not in run.out + run.err
        assert presented[:20] not in run.out + run.err


def test_its_help_says_how_a_token_is_given(run: CommandLine) -> None:
    assert "It is never an argument" in " ".join(run("token", "--help").split())
