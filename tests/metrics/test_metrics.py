"""What an installation in this process tells of itself."""

import asyncio
from datetime import timedelta

import httpx2
import pytest
from prometheus_client import CollectorRegistry, Counter

from coatcheck.auth import Auth
from coatcheck.errors import Misconfigured, StoreUnavailable
from coatcheck.metrics import Metrics
from coatcheck.model.session import Carry
from coatcheck.testing import fast_passwords, login_as
from tests.away import MayGoAway
from tests.metrics.asking import measured, parsed
from tests.site import API, PASSWORD, bearer

pytestmark = pytest.mark.anyio


async def test_logins_are_counted_by_how_they_ended():
    async with measured() as here:
        client = here.site.client()
        await here.site.register(client)
        for password in (PASSWORD, "a wrong one for this person", PASSWORD):
            await client.post(f"{API}/login", json={"email": "ann@example.com", "password": password})
        samples = await here.samples()
    assert samples.of("coatcheck_verbs_total", verb="register", outcome="accepted") == 1
    assert samples.of("coatcheck_verbs_total", verb="login", outcome="accepted") == 2
    assert samples.of("coatcheck_verbs_total", verb="login", outcome="login.refused") == 1
    assert samples.of("coatcheck_hashing_done_total") == 4


async def test_checks_are_counted_by_level_and_result():
    async with measured() as here:
        client = here.site.client()
        tokens = await here.site.register(client, carry="tokens")
        headers = bearer(tokens["access_token"])
        for _ in range(3):
            assert (await client.get(f"{API}/me", headers=headers)).status_code == 200
        await client.get(f"{API}/me", headers=bearer("ccs_nothing-of-ours-though-it-looks-like-it"))
        await client.post(f"{API}/logout", headers=headers)
        assert (await client.get(f"{API}/me", headers=headers)).status_code == 401
        samples = await here.samples()
    assert samples.of("coatcheck_checks_total", level="cold", result="accepted") == 1
    assert samples.of("coatcheck_checks_total", level="warm", result="accepted") >= 2
    assert samples.of("coatcheck_checks_total", level="cold", result="refused") == 1
    assert samples.of("coatcheck_checks_total", level="warm", result="refused") == 1
    assert samples.of("coatcheck_events_total", kind="session_ended") == 1
    assert samples.of("coatcheck_remembered_credentials") == 0


async def test_without_its_store_an_installation_still_tells_what_it_counted_and_that_nothing_answers():
    store = MayGoAway()
    async with measured(store) as here:
        login = await login_as(here.site.auth, "ann@example.com", carry=Carry.HEADER)
        before = await here.samples()
        store.is_away = True
        here.site.clock.advance(timedelta(seconds=30))
        token = login.headers["authorization"].removeprefix("Bearer ")
        with pytest.raises(StoreUnavailable):
            await here.site.auth.check(token)
        samples = await here.samples()
        store.is_away = False
    assert before.of("coatcheck_store_answers") == 1
    assert before.of("coatcheck_lease_remaining_seconds", worker="1") > 0
    assert samples.of("coatcheck_store_answers") == 0
    assert samples.of("coatcheck_lease_remaining_seconds", worker="1") == 0
    assert samples.of("coatcheck_checks_total", level="online", result="try_again") == 1
    assert samples.of("coatcheck_store_failures_total", operation="read") >= 1
    assert "coatcheck_subscribers" not in samples.names()


async def test_every_kind_of_event_is_told_from_the_start_so_that_the_first_one_is_an_increase():
    async with measured() as here:
        samples = await here.samples()
    told = {labels[0][1]: number for (name, labels), number in samples.items() if name == "coatcheck_events_total"}
    kinds = {"session_ended", "session_renewed", "user_changed", "key_added", "key_revoked", "everything_ended"}
    assert set(told) == kinds
    assert told["everything_ended"] == 0


async def test_the_store_is_timed_by_what_it_was_asked():
    async with measured() as here:
        await here.site.register(here.site.client())
        samples = await here.samples()
    for operation in ("read", "write", "registry_read", "registry_write"):
        assert samples.of("coatcheck_store_seconds_count", operation=operation) >= 1
        assert samples.of("coatcheck_store_seconds_bucket", operation=operation, le="+Inf") == samples.of(
            "coatcheck_store_seconds_count", operation=operation
        )


async def test_a_change_that_was_waited_for_is_timed():
    async with measured() as here:
        client = here.site.client()
        tokens = await here.site.register(client, carry="tokens")
        answer = await client.post(f"{API}/logout?wait=true", headers=bearer(tokens["access_token"]))
        assert answer.json()["receipt"]["confirmed"] == 1
        samples = await here.samples()
    assert samples.of("coatcheck_barrier_seconds_count") == 1
    assert samples.of("coatcheck_barriers_waiting") == 0
    assert samples.of("coatcheck_waited_out_total") == 0


async def test_a_subscriber_of_a_service_is_told_under_the_name_of_the_service_alone():
    async with measured() as here:
        auth = here.site.auth
        made = await auth.services.create("orders", feed=True)
        admitted = await auth.feed.admit(str(made.first.secret).encode())
        for name in ("pod-1a2b3c", "pod-4d5e6f"):
            await auth.feed.register(admitted, name=name, accept_ms=None)
        await auth.logout_everywhere((await login_as(auth, "ann@example.com")).user.id)
        here.site.clock.advance(timedelta(seconds=4))
        samples = await here.samples()
    assert samples.of("coatcheck_subscribers", service="orders", state="active") == 2
    assert samples.of("coatcheck_subscribers", service="(servers)", state="active") == 1
    assert samples.of("coatcheck_subscriber_lag_events", service="orders") >= 1
    assert samples.of("coatcheck_subscriber_silence_seconds", service="orders") == pytest.approx(4)
    assert not any("pod" in value for value in samples.label_values())


async def test_an_application_tells_its_own_metrics_in_the_same_answer():
    registry = CollectorRegistry()
    Counter("orders", "Orders.", registry=registry).inc(3)
    metrics = Metrics(Auth("memory:"), also=registry)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(metrics), base_url="http://metrics") as client:
        answer = await client.get("/")
        assert parsed(answer.text).of("orders_total") == 3
        assert 'coatcheck_build_info{version="' in answer.text
        assert (await client.head("/")).text == ""
        assert (await client.post("/")).status_code == 405


async def test_metrics_after_the_start_are_refused():
    async with Auth("memory:") as auth:
        with pytest.raises(Misconfigured, match="before Auth is started"):
            Metrics(auth)


async def test_a_login_that_nobody_waits_for_any_more_is_counted_as_cancelled():
    async with measured(passwords=fast_passwords()) as here:
        auth = here.site.auth
        await auth.create_user("ann@example.com", PASSWORD)
        login = asyncio.create_task(auth.login("ann@example.com", PASSWORD))
        await asyncio.sleep(0)
        login.cancel()
        with pytest.raises(asyncio.CancelledError):
            await login
        samples = await here.samples()
    assert samples.of("coatcheck_verbs_total", verb="login", outcome="cancelled") == 1
