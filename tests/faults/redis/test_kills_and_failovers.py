"""FT-04 and FT-05 in short; ``python -m tests.faults cache failover`` runs them in full."""

from pathlib import Path

import pytest

from tests.faults.redis import kills_and_failovers


@pytest.mark.xdist_group("workers")
def test_killing_redis_loses_nothing_and_revives_nothing(tmp_path: Path) -> None:
    figures = kills_and_failovers.kills(tmp_path, rounds=2, clients=3, modes=("no AOF",), rest=(0.5, 1.5), seed=1)
    assert figures["no AOF: endings"] > 10


@pytest.mark.xdist_group("workers")
def test_failing_over_to_a_redis_that_lags_behind_revives_nobody(tmp_path: Path) -> None:
    figures = kills_and_failovers.failovers(tmp_path, rounds=1, clients=3, lag=1.0, rest=(0.5, 1.5), seed=1)
    assert figures["endings"] > 10
    assert figures["acknowledged counts lost, at most"] > 0, "it was not behind"
