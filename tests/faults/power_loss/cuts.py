"""What a disk may hold when the power has gone: all that was synced, and of the rest anything.

Of what was written to a file since its last sync any sectors may be there, each as any of those writes left it. That is
every order too, since no more than the last write to a sector is ever seen. The file may have grown by what was never
written; a name may lead to what it led to at the last sync of the folder, or at any moment since.
"""

from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Final

from tests.faults.power_loss.disk_writes import Entry, FolderSynced, Named, Synced, Truncated, Wrote

SECTOR: Final = 512

_SHARES: Final = (0.0, 0.1, 0.5, 0.9, 1.0)
"""How likely something unsynced is on the disk. One for each file and cut: all and nothing happen, too."""

PAGE: Final = 4096

_SOON: Final = 24
"""Entries."""

Image = dict[str, bytes]
"""The files of a folder, by name."""


class Disk:
    """Takes what happened, one entry after the other. The syncs of files whose name ``lies`` are not done."""

    def __init__(self, lies: Callable[[str], bool] = lambda _: False) -> None:
        self._lies = lies
        self._kept: dict[int, bytearray] = {}
        self._unsynced: dict[int, list[Wrote | Truncated]] = {}
        self._liars: set[int] = set()
        self._names: dict[str, int] = {}
        self._unsynced_names: list[Named] = []

    def take(self, entry: Entry) -> None:
        """This happened next."""
        match entry:
            case Wrote(file) | Truncated(file):
                self._unsynced[file].append(entry)
            case Synced(file) if file not in self._liars:
                for change in self._unsynced[file]:
                    _change(self._kept[file], change)
                self._unsynced[file].clear()
            case Named(name, file):
                self._unsynced_names.append(entry)
                if file is not None:
                    self._kept[file], self._unsynced[file] = bytearray(), []
                    if self._lies(name):
                        self._liars.add(file)
            case FolderSynced():
                for named in self._unsynced_names:
                    _name(self._names, named)
                self._unsynced_names.clear()

    def unsynced(self, name: str) -> int:
        """How many changes of the file with this name are not on the disk for sure."""
        files = [named.file for named in self._unsynced_names if named.name == name] or [self._names.get(name)]
        return 0 if files[-1] is None else len(self._unsynced[files[-1]])

    def keep_power(self) -> Image:
        """What everybody sees who looks now, also when those who wrote it were killed."""
        names = dict(self._names)
        for named in self._unsynced_names:
            _name(names, named)
        seen = {name: bytearray(self._kept[file]) for name, file in names.items()}
        for name, file in names.items():
            for change in self._unsynced[file]:
                _change(seen[name], change)
        return {name: bytes(content) for name, content in seen.items()}

    def lose_power(self, chance: Random) -> Image:
        """What may be there if it happens now."""
        names, share = dict(self._names), chance.choice(_SHARES)
        for named in self._unsynced_names:
            if chance.random() < share:
                _name(names, named)
        return {name: self._left(file, chance) for name, file in names.items()}

    def _left(self, file: int, chance: Random) -> bytes:
        left, share = bytearray(self._kept[file]), chance.choice(_SHARES)
        for change in self._unsynced[file]:
            for part in _sectors(change):
                if chance.random() < share:
                    _change(left, part)
                elif isinstance(part, Wrote) and chance.random() < share:
                    _grow(left, part.offset + len(part.data), chance)
        return bytes(left)


def disk_after(entries: Sequence[Entry]) -> Disk:
    """A disk that has taken all of them."""
    disk = Disk()
    for entry in entries:
        disk.take(entry)
    return disk


def _name(names: dict[str, int], named: Named) -> None:
    if named.file is None:
        names.pop(named.name, None)
    else:
        names[named.name] = named.file


def _change(content: bytearray, change: Wrote | Truncated) -> None:
    if isinstance(change, Truncated):
        del content[change.size :]
        return
    end = change.offset + len(change.data)
    content.extend(bytes(max(0, end - len(content))))
    content[change.offset : end] = change.data


def _grow(content: bytearray, size: int, chance: Random) -> None:
    missing = max(0, size - len(content))
    content.extend(bytes(missing) if chance.random() < 0.5 else chance.randbytes(missing))


def _sectors(change: Wrote | Truncated) -> Iterator[Wrote | Truncated]:
    """The parts of a write that reach the disk as one each."""
    if isinstance(change, Truncated):
        yield change
        return
    at, end = change.offset, change.offset + len(change.data)
    while at < end:
        until = min(end, (at // SECTOR + 1) * SECTOR)
        yield Wrote(change.file, at, change.data[at - change.offset : until - change.offset])
        at = until


def cuts(entries: Sequence[Entry], number: int, chance: Random) -> list[int]:
    """Before which entries the power goes. Half of them anywhere, half where it is seldom and delicate: soon after a
    database itself is written to, or a file comes, goes, shrinks or begins anew."""
    delicate = [at for at, entry in enumerate(entries) if _is_delicate(entry)]
    soon = [min(chance.choice(delicate) + chance.randrange(_SOON), len(entries)) for _ in range(number // 2)]
    return sorted([*soon, *(chance.randrange(len(entries) + 1) for _ in range(number - len(soon)))])


def _is_delicate(entry: Entry) -> bool:
    """A database is written by the page, and of a log hardly more than its beginning lies where a page would."""
    return isinstance(entry, Named | Truncated) or (isinstance(entry, Wrote) and entry.offset % PAGE == 0)
