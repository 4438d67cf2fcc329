"""The bell is heard, with inotify and without."""

import asyncio
import sys
from pathlib import Path

import pytest

from coatcheck.errors import StoreUnavailable
from coatcheck.stores.sqlite import notice
from coatcheck.stores.sqlite.file_lock import FileLock

SOON = 0.0
"""Long ago on the monotonic clock: the lock is tried for once."""


@pytest.fixture(params=["inotify", "looking"])
def way(request, monkeypatch):
    if request.param == "looking":
        monkeypatch.setattr(notice, "_inotify", lambda path: None)
    elif sys.platform != "linux":
        pytest.skip("inotify is Linux's")
    return request.param


@pytest.fixture
def lock(tmp_path):
    lock = FileLock(tmp_path / "a-lock")
    with lock.held(SOON):
        pass
    yield lock
    lock.close()


def _descriptors():
    return len(list(Path("/proc/self/fd").iterdir())) if sys.platform == "linux" else 0


def test_every_ring_is_heard_until_it_is_stopped(way, lock):
    async def use():
        before, heard = _descriptors(), asyncio.Event()
        stop = notice.watch(lock.path, heard.set)
        for _ in range(3):
            with lock.held(SOON):
                lock.ring()
            await asyncio.wait_for(heard.wait(), 5)
            heard.clear()
        stop()
        stop()
        with lock.held(SOON):
            lock.ring()
        await asyncio.sleep(0.05)
        assert not heard.is_set()
        assert _descriptors() <= before

    asyncio.run(use())


def test_taking_the_lock_is_no_ring(way, lock):
    async def use():
        heard = []
        stop = notice.watch(lock.path, lambda: heard.append(1))
        for _ in range(5):
            with lock.held(SOON):
                pass
        await asyncio.sleep(0.05)
        stop()
        assert heard == []

    asyncio.run(use())


def test_a_lock_is_exclusive_bounded_and_given_back_after_an_error(lock):
    other = FileLock(lock.path)
    with lock.held(SOON), pytest.raises(StoreUnavailable), other.held(SOON):
        pass
    with pytest.raises(ValueError, match="within"), lock.held(SOON):
        raise ValueError("within")
    with other.held(SOON):
        pass
    other.close()


def test_without_inotify_left_it_looks_instead(lock, monkeypatch):
    class NoneLeft:
        inotify_init1 = staticmethod(lambda flags: -1)

    monkeypatch.setattr(notice.ctypes, "CDLL", lambda *args, **kwargs: NoneLeft)
    assert notice._inotify(lock.path) is None
