"""Tests that must not run side by side, as each needs the whole machine, are kept apart when two run at a time.

A runner that does not know the marks would ignore them without a word.
"""

import os

import pytest


@pytest.mark.xdist_group("together")
def test_a_group_is_known_to_whoever_hands_out_the_tests(request: pytest.FixtureRequest) -> None:
    is_handed_out = "PYTEST_XDIST_WORKER" in os.environ
    assert request.node.nodeid.endswith("@together") is is_handed_out
