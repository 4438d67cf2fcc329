"""FT-06: the power goes, and the disk holds what was synced and anything of the rest. Nothing acknowledged is lost.

A while of people's life with SQLite was recorded (``life``). For each cut the files are made as they may be then
(``cuts``); the store opens them, and a judge looks.
"""

import asyncio
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from random import Random
from typing import Any, Final, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from coatcheck import Auth
from coatcheck.errors import AuthError, CredentialRefused
from coatcheck.stores.sqlite.connect import connect, driver
from tests.faults.deeds import token_of
from tests.faults.power_loss.cuts import Disk, Image, cuts
from tests.faults.power_loss.disk_writes import Entry, Named, Noted, Wrote
from tests.faults.power_loss.life import (
    MAIN,
    NOTHING,
    REGISTRY,
    WITNESS,
    Committed,
    Known,
    auth_over,
    content_of,
    record,
)

SAMPLE: Final = 4
"""Of what is held, and of what was ended: how many of the newest are looked at, and how many others at most."""

UNREADABLE: Final = (sqlite3.Error, SQLAlchemyError, UnicodeDecodeError)
"""What a database in ruins answers with: even the name of a table may be no text."""

CALLED: Final = {MAIN: "database", REGISTRY: "registry"}

T = TypeVar("T")
Lies = Callable[[str], bool]
"""Whether the disk says that it has synced a file with this name, and has not."""


def commits_of(entries: list[Entry]) -> list[Committed]:
    """All of the story."""
    return [entry.what for entry in entries if isinstance(entry, Noted) and isinstance(entry.what, Committed)]


class Commits:
    """Of one database: what it held after each commit of the story, and which of them are over, or even forced."""

    def __init__(self, database: str, entries: list[Entry]) -> None:
        contents = [commit.content for commit in commits_of(entries) if commit.database == database]
        self.contents = [content for content, _ in groupby((NOTHING, *contents))]
        self.over = self.forced = 0

    def take(self, commit: Committed) -> None:
        """This one is over."""
        if commit.content != self.contents[self.over]:
            self.over += 1
            self.forced = self.over if commit.is_forced else self.forced

    def found(self, content: str) -> int | None:
        """After how many commits the database held this, the one that may be under way included; None for never."""
        numbers = [number for number, each in enumerate(self.contents[: self.over + 2]) if each == content]
        return max(numbers, default=None)


@dataclass
class Found:
    """What was seen after all cuts."""

    counted: Counter[str] = field(default_factory=Counter)
    most: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)


def cut(
    entries: list[Entry], folder: Path, number: int, chance: Random, lies: Lies = lambda _: False, keeps: int = 3
) -> Found:
    """Let the power go so many times. The files of the first few cuts after which something is wrong are kept."""
    found, known, disk, kept = Found(), Known(), Disk(lies), 0
    commits = {database: Commits(database, entries) for database in (MAIN, REGISTRY)}
    wanted = Counter(cuts(entries, number, chance))
    for at, entry in enumerate((*entries, Noted(None))):
        for again in range(wanted[at]):
            there = folder / f"cut-{at}-{again}"
            found.counted["cuts while the log was copied back"] += disk.unsynced(MAIN) > 0
            image = disk.lose_power(chance) | ({WITNESS: known.witness} if known.witness else {})
            judge = Judge(_put(image, there / "judged", chance), known, commits, found, chance)
            violations = judge.look()
            found.violations += [f"cut {at} of {len(entries)}: {each}" for each in violations]
            shutil.rmtree(there)
            if violations and kept < keeps:
                kept += 1
                _put(image, there, chance)
        disk.take(entry)
        match entry:
            case Noted(Committed(database) as commit):
                commits[database].take(commit)
            case Noted(Known() as known):
                pass
    return found


def _put(image: Image, folder: Path, chance: Random) -> Path:
    folder.mkdir(parents=True)
    for name, content in image.items():
        (folder / name).write_bytes(content)
    for database in (MAIN, REGISTRY):
        if chance.random() < 0.5:  # shared memory was a file: it may hold anything
            (folder / f"{database}-shm").write_bytes(chance.randbytes(32_768))
    return folder


class Judge:
    """Of what is there after one cut."""

    def __init__(self, folder: Path, known: Known, commits: dict[str, Commits], found: Found, chance: Random) -> None:
        self._folder, self._known, self._commits, self._found, self._chance = folder, known, commits, found, chance
        self._violations: list[str] = []

    def look(self) -> list[str]:
        """What is wrong."""
        ruins = 0
        for database, commits in self._commits.items():
            try:
                self._look_at(database, commits)
            except UNREADABLE as fault:
                ruins += 1
                self._violations.append(f"{database}: RUINED, {fault}")
        try:
            if not ruins:
                asyncio.run(self._ask())
        except AuthError as refused:
            self._violations.append(f"no server: {refused!r}")
        return self._violations

    def _hold(self, truth: bool, otherwise: str) -> None:
        if not truth:
            self._violations.append(otherwise)

    def _look_at(self, database: str, commits: Commits) -> None:
        content = NOTHING
        if (path := self._folder / database).exists():
            with closing(connect(path, query_only=True)) as connection:
                raw = driver(connection)
                [*said] = raw.execute("PRAGMA integrity_check")
                if said != [("ok",)]:
                    raise sqlite3.DatabaseError(said[:3])
                content = content_of(raw)
                if database == MAIN and content != NOTHING:
                    self._look_at_log(raw)
        at = commits.found(content)
        self._hold(at is not None, f"{database}: TORN, what is there never was")
        if at is not None:
            lost = commits.over - at
            self._hold(at >= commits.forced, f"{database}: LOST {commits.forced - at} commits that were forced")
            name = CALLED[database]
            self._found.counted[f"{name}: cuts that a commit under way survived"] += lost < 0
            self._found.counted[f"{name}: cuts that took commits that were not forced"] += lost > 0
            most = f"{name}: commits that one cut took, at most"
            self._found.most[most] = max(self._found.most[most], lost, 0)

    def _look_at_log(self, raw: sqlite3.Connection) -> None:
        floor, seq, event_id = raw.execute("SELECT floor, seq, event_id FROM coatcheck_head").fetchone()
        log = raw.execute("SELECT seq, event_id FROM coatcheck_events ORDER BY seq").fetchall()
        self._hold([number for number, _ in log] == list(range(floor + 1, seq + 1)), "the log has a gap")
        self._hold(not log or log[-1] == (seq, event_id), "the head is not the newest event")

    async def _ask(self) -> None:
        """Start a server: what was ended is refused, what was given is accepted and leads on."""
        known = self._known
        held = [device for session_id, device in known.held.items() if session_id not in known.unsure]
        async with auth_over(self._folder) as auth:
            for token in self._some(known.ended):
                self._hold(not await _accepts(auth, token), "what was ended is accepted")
            for device in self._some(held):
                self._hold(await _accepts(auth, device.token), "what was given is refused")
            for device in [device for device in self._some(held) if device.refresh_token is not None][-1:]:
                try:
                    renewed = await auth.refresh(device.refresh_token or "")
                    self._hold(await _accepts(auth, token_of(renewed)), "what a refresh gave is refused")
                except AuthError as refused:
                    self._hold(False, f"a refresh is refused: {refused!r}")
            for email in self._some([each for each in known.passwords if each not in known.unsure])[-1:]:
                try:
                    await auth.login(email, known.passwords[email])
                except AuthError as refused:
                    self._hold(False, f"a login is refused: {refused!r}")

    def _some(self, known: Sequence[T]) -> Sequence[T]:
        """A few at random, and the newest."""
        newest = known[-SAMPLE:]
        return [*self._chance.sample(known[:-SAMPLE], min(SAMPLE, len(known[:-SAMPLE]))), *newest]


async def _accepts(auth: Auth, token: str) -> bool:
    try:
        await auth.check(token)
    except CredentialRefused:
        return False
    return True


def run(folder: Path, *, number: int, deeds: int, seed: int) -> dict[str, Any]:
    """So many cuts; return the figures. Raises AssertionError naming violations."""
    chance, lived = Random(seed), folder / "lived"
    lived.mkdir()
    entries = record(lived, deeds, chance)
    found = cut(entries, folder, number, chance)
    assert not found.violations, "\n".join([f"{len(found.violations)} violations", *found.violations[:20]])
    forced = [commit.is_forced for commit in commits_of(entries)]
    beginnings = Counter(entry.file for entry in entries if isinstance(entry, Wrote) and entry.offset == 0)
    logs = {entry.file for entry in entries if isinstance(entry, Named) and entry.name == f"{MAIN}-wal"}
    return {
        "what people did": deeds,
        "commits to be forced to the disk": sum(forced),
        "commits that need not be": len(forced) - sum(forced),
        "the log, full, began anew": sum(beginnings[file] - 1 for file in logs if file is not None),
        "writes, syncs and the like": sum(not isinstance(entry, Noted) for entry in entries),
        "cuts": number,
        **{name: found.counted[name] for name in sorted(found.counted)},
        **found.most,
        "violations": len(found.violations),
    }
