"""JW-34: a name twice in header or payload, so that two readers see two different tokens (RFC 7515 §4, RFC 7519 §4)."""

import json

import pytest

from coatcheck.tokens.claims import AccessClaims
from tests.tokens.specimens import assert_accepted, assert_refused, compact, header, members

VALUES = {"alg": '"none"', "kid": '"key_eddsa"', "typ": '"JWT"'}


def twice(said: dict[str, object], name: str, value: str, *, first: bool) -> bytes:
    """``said`` as JSON, with a second ``name`` before or after the others."""
    text = json.dumps(said)
    return (f'{{"{name}":{value},{text[1:]}' if first else f'{text[:-1]},"{name}":{value}}}').encode()


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("name", ["alg", "kid", "typ"])
def test_a_header_member_twice_is_refused(name: str, first: bool) -> None:
    assert_refused(compact(twice(header(), name, VALUES[name], first=first)))
    assert_refused(compact(twice(header(), name, json.dumps(header()[name]), first=first)))


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("name", [name for name in AccessClaims.__struct_fields__ if name != "nbf"])
def test_a_claim_twice_is_refused(name: str, first: bool) -> None:
    same = json.dumps(members()[name])
    assert_refused(compact(header(), twice(members(), name, same, first=first)))


@pytest.mark.parametrize(
    ("name", "value"), [("sub", '"usr_admin"'), ("exp", "9999999999"), ("aud", '"x"'), ("roles", "[]")]
)
def test_a_claim_twice_with_another_value_is_refused(name: str, value: str) -> None:
    for first in (True, False):
        assert_refused(compact(header(), twice(members(), name, value, first=first)))


def test_a_name_spelled_with_an_escape_is_the_same_name() -> None:
    text = json.dumps(header())
    assert_refused(compact((text[:-1] + ',"\\u0061lg":"none"}').encode()))
    text = json.dumps(members())
    assert_refused(compact(header(), (text[:-1] + ',"\\u0073ub":"usr_admin"}').encode()))


def test_an_unknown_member_twice_is_refused_at_any_depth() -> None:
    text = json.dumps(members())
    assert_accepted(compact(header(), (text[:-1] + ',"x":1}').encode()))
    assert_refused(compact(header(), (text[:-1] + ',"x":1,"x":1}').encode()))
    assert_refused(compact(header(), (text[:-1] + ',"x":{"y":1,"y":1}}').encode()))
