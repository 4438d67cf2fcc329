"""``coatcheck doctor`` looks at the cache."""

from pathlib import Path

import pytest

from coatcheck.cli.doctor.cache import examine_cache
from coatcheck.cli.doctor.examine import examine
from tests.redis.builders import redis_at
from tests.redis_server import RedisServer


def test_a_redis_that_forgets_nothing_is_well(redis_url: str) -> None:
    checks = list(examine_cache(redis_url))
    assert [(check.name, check.state) for check in checks] == [("cache", "ok"), ("cache memory", "ok")]


@pytest.mark.parametrize(
    ("policy", "why"), [("allkeys-lru", "anything may go"), ("volatile-ttl", "everything Coatcheck writes there")]
)
def test_a_redis_that_forgets_counters_is_warned_of(redis_url: str, policy: str, why: str) -> None:
    with redis_at(redis_url) as there:
        there.config_set("maxmemory-policy", policy)
        try:
            check = list(examine_cache(redis_url))[1]
        finally:
            there.config_set("maxmemory-policy", "noeviction")
    assert check.state == "warning"
    assert policy in check.says
    assert why in check.says
    assert "noeviction" in check.mend


def test_a_redis_that_is_away_is_a_problem(tmp_path: Path) -> None:
    (check,) = examine_cache(RedisServer(tmp_path).url.replace("//", "//:secretpassword@"))
    assert check.state == "problem"
    assert "secretpassword" not in str(check)


def test_what_others_can_read_is_warned_of() -> None:
    first = next(examine_cache("redis://:secretpassword@198.51.100.7"))
    assert first.state == "warning"
    assert "rediss://" in first.mend
    assert "secretpassword" not in str(first)


def test_a_url_that_is_none_is_a_problem() -> None:
    (check,) = examine_cache("redis//x")
    assert check.state == "problem"


def test_it_is_looked_at_only_where_one_is_configured(redis_url: str, tmp_path: Path) -> None:
    environment = {"COATCHECK_DATABASE_URL": f"sqlite:///{tmp_path}/app.db"}
    assert not [check for check in examine(environment) if check.name == "cache"]
    with_one = examine({**environment, "COATCHECK_CACHE_URL": redis_url})
    assert [check.state for check in with_one if check.name == "cache"] == ["ok"]
