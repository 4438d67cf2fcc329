"""The local switch follows its file and its signal, and touches the checker only when something changed."""

import asyncio
import logging
from pathlib import Path

import pytest

from coatcheck.auth import Auth
from coatcheck.checking.cache import Remembered
from coatcheck.errors import CheckingStale
from coatcheck.model.session import Carry
from coatcheck.settings import RevocationSettings, Settings
from coatcheck.testing import fast_passwords, login_as
from coatcheck.upkeep.local_switch import LocalSwitch
from tests.checking.builders import Site, cookie
from tests.upkeep.test_live import opened


class Place:
    """A checker with somebody logged in, and its switch."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.site = Site()
        asyncio.run(self.site.sync())
        self.login = self.site.log_in()
        asyncio.run(self.site.recall.check(cookie(self.login)))
        self.switch = LocalSwitch(self.site.checker, path)

    def passes(self) -> bool:
        return isinstance(self.site.checker.check(cookie(self.login)), Remembered)

    def passes_after(self, text: str | None) -> bool:
        if text is None:
            self.path.unlink()
        else:
            self.path.write_text(text, "utf-8")
        asyncio.run(self.switch.look())
        return self.passes()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "deny")


def test_what_the_file_lists_is_refused_until_it_is_gone(place: Place) -> None:
    assert not place.passes_after(place.login.session.id)
    assert place.passes_after("usr_" + "a" * 26)
    assert not place.passes_after("")
    assert place.passes_after(None)


def test_looking_again_costs_the_checker_nothing(place: Place) -> None:
    place.passes_after(place.login.session.id)
    state = place.site.replica.state
    for _ in range(3):
        asyncio.run(place.switch.look())
    assert place.site.replica.state == state


def test_the_signal_needs_no_file_and_does_not_undo_it(place: Place) -> None:
    place.switch.throw(True)
    assert not place.passes()
    assert not place.passes_after(place.login.session.id)
    place.switch.throw(False)
    assert not place.passes(), "the file still lists it"
    assert place.passes_after(None)


def test_a_change_and_a_slip_are_told_once(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "coatcheck"):
        place.passes_after(place.login.session.id)
        place.passes_after("a slip")
        asyncio.run(place.switch.look())
        place.passes_after(None)
    assert [record.getMessage().split(str(place.path))[-1] for record in caplog.records] == [
        "The local switch refuses what is listed (entries: 1).",
        " is not understood: everything is refused until it is put right or removed",
        "The local switch refuses everything.",
        "The local switch refuses nothing any more.",
    ]


@pytest.mark.anyio
@pytest.mark.parametrize("carry", [Carry.COOKIE, Carry.TOKENS])
async def test_connections_that_are_open_end_when_the_switch_is_thrown(carry: Carry) -> None:
    async with opened(carry=carry) as (host, _, mine):
        host.auth.deny_here()
        assert await mine.over() == "checking.stale"


@pytest.mark.anyio
async def test_a_process_that_starts_under_the_switch_refuses_from_its_first_check_on(tmp_path: Path) -> None:
    settings = Settings(database=f"sqlite:///{tmp_path}/app.db", passwords=fast_passwords())
    async with Auth(settings) as auth:
        login = await login_as(auth, "ann@example.com", carry=Carry.HEADER)
        token = login.headers["authorization"].removeprefix("Bearer ")
        await auth.check(token)
    (tmp_path / "app.db-deny").write_text(f"{login.user.id}\n", "ascii")
    async with Auth(settings) as auth:
        with pytest.raises(CheckingStale):
            await auth.check(token)
    (tmp_path / "app.db-deny").unlink()
    again = Auth(settings)
    again.deny_here()
    async with again as auth:
        with pytest.raises(CheckingStale):
            await auth.check(token)
        auth.deny_here(False)
        await auth.check(token)


@pytest.mark.anyio
async def test_api_keys_and_services_are_refused_by_their_ids(tmp_path: Path) -> None:
    deny_list = tmp_path / "deny"
    settings = Settings(
        database="memory:", passwords=fast_passwords(), revocation=RevocationSettings(deny_list=str(deny_list))
    )
    async with Auth(settings) as auth:
        user = await auth.create_user("ann@example.com")
        key = await auth.api_keys.create(user.id, "a script")
        service = await auth.services.create("billing", audiences=(settings.issuer,))
        secret = service.first.secret or ""
        for listed, is_key in ((key.credential.id, True), (user.id, True), (service.service.id, False)):
            await auth.check(key.secret or "")
            await auth.services.authenticate(secret)
            deny_list.write_text(listed, "ascii")
            await auth._running.switch.look()
            with pytest.raises(CheckingStale):
                await (auth.check(key.secret or "") if is_key else auth.services.authenticate(secret))
            await (auth.services.authenticate(secret) if is_key else auth.check(key.secret or ""))
            deny_list.unlink()
            await auth._running.switch.look()
