"""A person changes the name that is shown."""

import pytest

from coatcheck.errors import RequestInvalid, SessionEnded
from coatcheck.flows.rename import rename

pytestmark = pytest.mark.anyio


async def test_a_name_is_trimmed_and_touches_no_credential(place):
    user = await place.user()
    before = place.see(lambda tx: tx.log.head())
    renamed = await rename(place.means, user.id, "  Ann Lee ")
    assert place.now_of(user) == renamed
    assert (renamed.name, renamed.version) == ("Ann Lee", user.version)
    assert place.see(lambda tx: tx.log.head()) == before


@pytest.mark.parametrize("name", ["", "n" * 100, "Zoë O’Neil", "山田"])
async def test_nearly_every_name_is_fine(place, name):
    user = await place.user()
    assert (await rename(place.means, user.id, name)).name == name


@pytest.mark.parametrize("name", ["n" * 101, "Ann\nLee", "Ann\0", "Ann\u202eLee", "\ud800"])
async def test_a_name_that_is_too_long_or_not_seen_is_refused(place, name):
    user = await place.user()
    with pytest.raises(RequestInvalid) as refused:
        await rename(place.means, user.id, name)
    assert [each.field for each in refused.value.errors] == ["name"]
    assert place.now_of(user) == user


async def test_whoever_is_gone_is_logged_out(place):
    with pytest.raises(SessionEnded):
        await rename(place.means, "usr_nobody", "Ann")
