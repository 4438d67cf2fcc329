"""P1, P2, P4 and P5 hold in thousands of schedules (``python -m tests.simulation`` runs more)."""

import pytest

from tests.simulation.schedules import replay, run_many

CHUNKS = 3
SCHEDULES = 700


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_no_promise_is_broken(chunk: int) -> None:
    failures = run_many(range(chunk * SCHEDULES, (chunk + 1) * SCHEDULES), workers=1)
    assert not failures, replay(failures[0].seed, 40)


def test_a_schedule_is_the_same_every_time() -> None:
    assert replay(7) == replay(7)
    assert replay(7) != replay(8)
