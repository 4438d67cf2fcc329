"""From the first row to a target that can be opened and a source that can't."""

from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Table

from coatcheck.errors import DataConflict, StoreUnavailable
from coatcheck.model.key import SigningKey
from coatcheck.model.position import Position
from coatcheck.stores.copying.columns import REGISTRY, TABLES
from coatcheck.stores.copying.digest import Contents, contents
from coatcheck.stores.copying.source import Source, at_rest
from coatcheck.stores.copying.target import Target, reached
from coatcheck.stores.place import place_of
from coatcheck.stores.sqlite.aside import aside_of, text_for

Show = Callable[[str, int, int], None]
"""Told what is being done, how many rows of it are done, and of how many."""


class Copied(NamedTuple):
    """What was copied, and where the log stands. ``went_on`` is True when a part had been copied before,
    ``was_finished`` when everything had: then nothing was done, and ``tables`` is empty."""

    place: str
    aside: Path
    position: Position
    tables: dict[str, Contents]
    went_on: bool = False
    was_finished: bool = False


def copy_store(
    path: Path, url: str, *, now: datetime, check_keys: Callable[[Iterable[SigningKey]], None], show: Show
) -> Copied:
    """Move the installation in the SQLite file at ``path`` to the PostgreSQL database that ``url`` names.

    Killed at any moment, it goes on when it is called again. Until the target was found equal the source stays as it
    was. ``check_keys`` is shown the signing keys first, and raises when they can't be used afterwards.

    Raises DataConflict when the source is in use or the target is not its own, Misconfigured when one of them can't be
    used, StoreUnavailable when one can't be reached, or when the target differs in the end.
    """
    place = place_of(url)
    with at_rest(path) as source, reached(url) as target:
        check_keys(source.keys)
        epoch = source.position.epoch
        done = Copied(place, aside_of(path), source.position, {})
        if source.said is not None:
            _require_same_move(source, place)
            if target.holds(epoch):
                return done._replace(was_finished=True)
        source.require_nobody_at_work(now)
        went_on = target.begin(epoch, source.digest, may_make=source.said is None)
        _fill(source, target, show)
        tables = _compared(source, target, show)
        if source.said is None:
            source.require_untouched()
            source.set_aside(place)
        registrations = source.registrations()
        target.finish(
            registrations,
            lambda: _require_equal(REGISTRY, contents(registrations), contents(target.rows(REGISTRY))),
        )
    return done._replace(tables=tables, went_on=went_on)


def _require_same_move(source: Source, place: str) -> None:
    """A second target would be a second installation that knows the same credentials."""
    if source.said != text_for(source.path, place):
        raise DataConflict(f"{source.path}: {source.said}")


def _fill(source: Source, target: Target, show: Show) -> None:
    counts = [source.count(table) for table in TABLES]
    done = sum(source.count(table, up_to=target.place(table)) for table in TABLES)
    show("Copying", done, sum(counts))
    for table in TABLES:
        for place, rows in source.batches(table, target.place(table)):
            target.take(table, rows, place)
            done += len(rows)
            show("Copying", done, sum(counts))
    show("Making indexes", done, sum(counts))
    target.make_indexes()


def _compared(source: Source, target: Target, show: Show) -> dict[str, Contents]:
    total, done = 2 * sum(source.count(table) for table in TABLES), 0

    def advance(more: int) -> None:
        nonlocal done
        done += more
        show("Comparing", done, total)

    tables = {}
    for table in TABLES:
        tables[table.name] = contents(source.rows(table), advance)
        try:
            _require_equal(table, tables[table.name], contents(target.rows(table), advance))
        except StoreUnavailable:
            target.spoil()
            raise
    return tables


def _require_equal(table: Table, expected: Contents, found: Contents) -> None:
    if found != expected:
        how = f"{found.rows:,} rows instead of {expected.rows:,}" if found.rows != expected.rows else "other contents"
        raise StoreUnavailable(f"{table.name} has {how} in the target. The same command copies everything anew")
