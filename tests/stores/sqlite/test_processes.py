"""Several processes on one SQLite file: nothing acknowledged is lost, whatever is killed; races have one winner."""

import asyncio
import random
import sqlite3
import time

import pytest

from coatcheck.model.event import SessionEnded
from coatcheck.stores.open import store_for
from coatcheck.stores.sqlite.aside import read_text

PROCESSES = 4
WRITES = 200


def _acknowledged(output):
    return [line.split()[1] for line in output.splitlines() if line.startswith("done ")]


def _waits(output):
    return [float(line.split()[3]) for line in output.splitlines() if line.startswith("done ")]


def _is_whole(path):
    with sqlite3.connect(path) as raw:
        answer = raw.execute("PRAGMA integrity_check").fetchall()
    raw.close()
    return answer == [("ok",)]


def test_nothing_acknowledged_is_lost_when_writers_are_killed(store, path, start):
    dice, outputs = random.Random(7), []
    writers = [start("write", f"w{number}", WRITES) for number in range(PROCESSES)]
    for kill in range(6):
        time.sleep(dice.uniform(0.2, 0.9))
        victim = dice.randrange(PROCESSES)
        writers[victim].kill()
        outputs.append(writers[victim].communicate(timeout=60)[0])
        writers[victim] = start("write", f"w{victim}-{kill}", WRITES)
    outputs += [writer.communicate(timeout=100)[0] for writer in writers]
    assert [writer.returncode for writer in writers] == [0] * PROCESSES
    acknowledged = [mark for output in outputs for mark in _acknowledged(output)]
    assert len(acknowledged) >= WRITES * PROCESSES

    events = asyncio.run(store.read(lambda tx: tx.log.after(0, 100_000)))
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    logged = [event.happening.session_id for event in events]
    assert len(logged) == len(set(logged))
    assert set(acknowledged) <= set(logged)
    there = asyncio.run(store.read(lambda tx: {mark for mark in logged if tx.sessions.get(mark)}))
    assert there == set(logged)
    asyncio.run(store.close())
    assert _is_whole(path)


def test_no_writer_starves(store, start):
    began = time.monotonic()
    writers = [start("write", f"w{number}", WRITES) for number in range(PROCESSES)]
    waits = [wait for writer in writers for wait in _waits(writer.communicate(timeout=100)[0])]
    assert len(waits) == WRITES * PROCESSES
    print(f"{len(waits)} writes in {time.monotonic() - began:.2f} s, the longest waited {max(waits):.3f} s")
    assert max(waits) < 2


def test_the_registry_takes_rows_from_all(store, start):
    writers = [start("register", f"r{number}", WRITES) for number in range(PROCESSES)]
    numbers = {mark for writer in writers for mark in _acknowledged(writer.communicate(timeout=100)[0])}
    rows = asyncio.run(store.read_registry(lambda registry: registry.all()))
    assert {row.number for row in rows} == numbers
    assert len(numbers) == WRITES * PROCESSES


def test_a_first_open_by_many_makes_one_store_and_races_have_one_winner(path, start):
    racers = [start("open_and_compete", f"key_{number}") for number in range(PROCESSES)]
    assert [racer.stdout.readline() for racer in racers] == ["ready\n"] * PROCESSES
    for racer in racers:
        racer.stdin.write("go\n")
        racer.stdin.flush()
    lines = [racer.communicate(timeout=60)[0].splitlines()[0] for racer in racers]
    epochs, keys, users = zip(*(line.rsplit(" ", 2) for line in lines), strict=True)
    assert len(set(epochs)) == 1
    assert sorted(keys) == ["0", "0", "0", "1"]
    assert sorted(users) == ["0", "0", "0", "1"]
    assert _is_whole(path)


def test_a_commit_is_noticed_in_another_process(store, start):
    listener = start("listen")
    assert listener.stdout.readline() == "listening\n"
    asyncio.run(store.write(lambda tx: tx.attempts.give_back("nothing that concerns the log")))
    asyncio.run(store.write(lambda tx: tx.log.append(SessionEnded("ses_x"))))
    assert listener.stdout.readline() == "heard 1\n"


def test_a_writer_killed_inside_a_transaction_leaves_neither_a_trace_nor_the_lock(store, start):
    holder = start("hold")
    assert holder.stdout.readline() == "holding\n"
    holder.kill()
    holder.wait()
    assert asyncio.run(store.commit(lambda tx: tx.log.append(SessionEnded("ses_x")))).position.seq == 1


@pytest.mark.parametrize(
    ("how", "events", "statuses"),
    [
        ("fork_and_write", 1 + 4 * 50, "children 0 0 0"),
        ("fork_while_writing", 3 * 50 + 4 * 10, "children 0 0 0 0"),
        ("fork_in_the_middle", 1, "children 7"),
    ],
)
def test_a_store_survives_a_fork(path, start, how, events, statuses):
    output, _ = start(how, count=50).communicate(timeout=60)
    assert statuses in output.splitlines()
    store = store_for(f"sqlite:///{path}")
    asyncio.run(store.open())
    assert asyncio.run(store.read(lambda tx: tx.log.head())).seq == events
    asyncio.run(store.close())
    assert _is_whole(path)


def test_looking_whether_the_database_was_set_aside_takes_no_lock_away(store, path, start):
    asyncio.run(store.write(lambda tx: tx.log.append(SessionEnded("ses_x"))))
    assert read_text(path) is None
    assert start("write", count=1).wait(30) == 0  # opens and closes the same files
    assert path.with_name(f"{path.name}-wal").exists()
    asyncio.run(store.write(lambda tx: tx.log.append(SessionEnded("ses_y"))))
    with sqlite3.connect(path) as raw:
        assert raw.execute("SELECT seq FROM coatcheck_head").fetchone() == (3,)
