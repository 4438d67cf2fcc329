"""LG-10: a password of a megabyte, or of a hundred, is refused before anything is done with it."""

import time
import tracemalloc

import pytest

from coatcheck.errors import RequestInvalid
from coatcheck.passwords.policy import prepare


@pytest.mark.parametrize("unit", ["x", "\u0301", "\U0001d160", "\x00", "\ud800", "\u1f82"])
@pytest.mark.parametrize("length", [257 * 4, 1_000_000, 10_000_000])
def test_a_long_password_is_refused_in_no_time_and_no_memory(unit: str, length: int) -> None:
    password = unit * length
    tracemalloc.start()
    began = time.thread_time()
    with pytest.raises(RequestInvalid) as refused:
        prepare(password)
    took = time.thread_time() - began
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert took < 0.05
    assert peak < 100_000
    assert refused.value.status == 422
    assert unit * 4 not in refused.value.message + refused.value.errors[0].reason


def test_the_worst_password_that_is_looked_at_takes_a_few_milliseconds() -> None:
    worst = "a" + "\u0301\u0323" * 511
    began = time.thread_time()
    with pytest.raises(RequestInvalid):
        prepare(worst)
    assert time.thread_time() - began < 0.05
