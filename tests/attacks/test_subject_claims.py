"""JC-12: a subject, session or role that is no text, or nothing."""

from typing import Any

import pytest

from tests.tokens.specimens import assert_refused, compact, header, members


@pytest.mark.parametrize("name", ["sub", "sid", "jti", "pos"])
@pytest.mark.parametrize("value", ["", None, 0, 1.5, True, [], ["usr_1"], {}, {"id": "usr_1"}])
def test_a_name_that_is_no_text_is_refused(name: str, value: Any) -> None:
    assert_refused(compact(header(), members(**{name: value})))


@pytest.mark.parametrize("name", ["roles", "amr"])
@pytest.mark.parametrize(
    "value", ["admin", "", None, 1, True, {}, [1], [None], [["admin"]], [{"admin": True}], ["a", 2]]
)
def test_a_list_of_texts_is_nothing_else(name: str, value: Any) -> None:
    assert_refused(compact(header(), members(**{name: value})))


@pytest.mark.parametrize("name", ["scope", "client_id"])
@pytest.mark.parametrize("value", [None, 1, True, [], ["read"], {}])
def test_a_text_is_nothing_else(name: str, value: Any) -> None:
    assert_refused(compact(header(), members(**{name: value})))


@pytest.mark.parametrize("name", ["gen", "ver", "all"])
@pytest.mark.parametrize("value", ["1", 1.0, -1, True, None, [1], {}, 2**63])
def test_a_counter_is_a_whole_number(name: str, value: Any) -> None:
    assert_refused(compact(header(), members(**{name: value})))
