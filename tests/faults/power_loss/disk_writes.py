"""What SQLite does to the files of a folder, in order: writes, truncations, syncs, and names that come and go.

The methods of SQLite's own way to the disk (its VFS) are wrapped in the very library that the sqlite3 module uses, so
whoever opens a database in this process is listened to, and nobody has to be told. What SQLite keeps in shared memory
is no file that it relies on after a power loss.
"""

import _sqlite3
import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock
from typing import Any, Final

# The module leads to the library it is linked with; where it is part of Python itself, so may be the library.
_library: Final = ctypes.CDLL(getattr(_sqlite3, "__file__", None))


@dataclass(frozen=True)
class Wrote:
    """Bytes, into the file with this number."""

    file: int
    offset: int
    data: bytes


@dataclass(frozen=True)
class Truncated:
    """To so many bytes."""

    file: int
    size: int


@dataclass(frozen=True)
class Synced:
    """What the file held then is on the disk."""

    file: int


@dataclass(frozen=True)
class Named:
    """From here on ``name`` leads to this file; to none, when it was deleted."""

    name: str
    file: int | None


@dataclass(frozen=True)
class FolderSynced:
    """The names are on the disk."""


@dataclass(frozen=True)
class Noted:
    """Something that the user of the database said."""

    what: Any


Entry = Wrote | Truncated | Synced | Named | FolderSynced | Noted


@dataclass
class Recording:
    """One thing after the other: an entry is added when what it tells is over."""

    entries: list[Entry] = field(default_factory=list)
    lock: Any = field(default_factory=RLock)
    names: dict[str, int] = field(default_factory=dict)

    def note(self, what: Any) -> None:
        """Add a note."""
        with self.lock:
            self.entries.append(Noted(what))

    def kill(self, at: int) -> None:
        """Nothing of what came ``at`` that entry or later has happened."""
        del self.entries[at:]
        self.names.clear()
        for entry in self.entries:
            if isinstance(entry, Named):
                self.names.pop(entry.name, None)
                self.names |= {} if entry.file is None else {entry.name: entry.file}

    def file(self, name: str) -> int:
        """The number of the file that ``name`` leads to, which is a new one if it led to none."""
        if name not in self.names:
            self.names[name] = len(self.entries)
            self.entries.append(Named(name, self.names[name]))
        return self.names[name]


_POINTER: Final = ctypes.c_void_p
_INT: Final = ctypes.c_int
_OPEN: Final = ctypes.CFUNCTYPE(_INT, _POINTER, _POINTER, _POINTER, _INT, _POINTER)
_DELETE: Final = ctypes.CFUNCTYPE(_INT, _POINTER, ctypes.c_char_p, _INT)
_SET_CALL: Final = ctypes.CFUNCTYPE(_INT, _POINTER, ctypes.c_char_p, _POINTER)
_GET_CALL: Final = ctypes.CFUNCTYPE(_POINTER, _POINTER, ctypes.c_char_p)
_OPEN_FOLDER: Final = ctypes.CFUNCTYPE(_INT, ctypes.c_char_p, _POINTER)
_WRITE: Final = ctypes.CFUNCTYPE(_INT, _POINTER, _POINTER, _INT, ctypes.c_int64)
_TRUNCATE: Final = ctypes.CFUNCTYPE(_INT, _POINTER, ctypes.c_int64)
_SYNC: Final = ctypes.CFUNCTYPE(_INT, _POINTER, _INT)


class _Methods(ctypes.Structure):
    """``sqlite3_io_methods``, version 3."""

    _fields_ = [
        ("version", _INT),
        *((name, _POINTER) for name in ("close", "read")),
        *(("write", _WRITE), ("truncate", _TRUNCATE), ("sync", _SYNC)),
        ("rest", _POINTER * 13),
    ]


class _Vfs(ctypes.Structure):
    """``sqlite3_vfs``, version 3."""

    _fields_ = [
        *((name, _INT) for name in ("version", "file_size", "longest_path")),
        *((name, _POINTER) for name in ("next", "name", "app_data")),
        *(("open", _OPEN), ("delete", _DELETE)),
        ("rest", _POINTER * 11),
        *(("set_call", _SET_CALL), ("get_call", _GET_CALL), ("next_call", _POINTER)),
    ]


def why_not() -> str:
    """Why nothing can be recorded here; empty where it can be."""
    return "" if hasattr(_library, "sqlite3_vfs_find") else "the sqlite3 module's library can't be reached from outside"


@contextmanager
def recorded(folder: Path, recording: Recording) -> Iterator[None]:
    """Write down what happens to the databases in ``folder`` that are opened and closed meanwhile."""
    _library.sqlite3_vfs_find.restype = _POINTER
    address = _library.sqlite3_vfs_find(None)
    ours, wrapped = _Vfs.from_address(address), _Wrapped(folder, recording, address)
    _library.sqlite3_vfs_register(ctypes.byref(wrapped.vfs), 1)
    ours.set_call(address, b"openDirectory", ctypes.cast(wrapped.open_folder, _POINTER))
    try:
        yield
    finally:
        ours.set_call(address, b"openDirectory", None)
        _library.sqlite3_vfs_unregister(ctypes.byref(wrapped.vfs))


class _Wrapped:
    """Stands before the VFS at ``address``, and keeps what SQLite only has pointers to."""

    def __init__(self, folder: Path, recording: Recording, address: int) -> None:
        self._folder, self._recording, self._address = os.fsencode(folder), recording, address
        self._under = _Vfs.from_address(address)
        self._files: dict[int, int] = {}
        self._methods: dict[int, _Methods] = {}
        self._name = ctypes.create_string_buffer(b"recorded")
        self.vfs = _Vfs.from_buffer_copy(self._under)
        self.vfs.name = ctypes.addressof(self._name)
        self.vfs.open, self.vfs.delete = _OPEN(self._open), _DELETE(self._delete)
        self._opens_folder = _OPEN_FOLDER(self._under.get_call(address, b"openDirectory"))
        self.open_folder = _OPEN_FOLDER(self._open_folder)

    def _open(self, _: int, name: int | None, file: int, flags: int, answer: int | None) -> int:
        with self._recording.lock:
            code: int = self._under.open(self._address, name, file, flags, answer)
            path = ctypes.string_at(name) if name else b""
            if code == 0 and os.path.dirname(path) == self._folder:  # noqa: PTH120
                methods = _POINTER.from_address(file)
                self._files[file] = self._recording.file(os.fsdecode(os.path.basename(path)))  # noqa: PTH119
                methods.value = self._wrap(methods.value or 0)
        return code

    def _delete(self, _: int, path: bytes, syncs: int) -> int:
        with self._recording.lock:
            name = os.fsdecode(os.path.basename(path))  # noqa: PTH119
            if self._recording.names.pop(name, None) is not None:
                self._recording.entries.append(Named(name, None))  # before the folder is synced, in the same call
            return self._under.delete(self._address, path, syncs)

    def _open_folder(self, path: bytes, descriptor: int) -> int:
        return self._done(self._opens_folder(path, descriptor), FolderSynced())

    def _wrap(self, address: int) -> int:
        """The address of methods that do what those at ``address`` do, and tell."""
        if address not in self._methods:
            under = _Methods.from_address(address)
            self._methods[address] = ours = _Methods.from_buffer_copy(under)
            files = self._files

            def write(file: int, data: int, size: int, offset: int) -> int:
                with self._recording.lock:
                    written = Wrote(files[file], offset, ctypes.string_at(data, size))
                    return self._done(under.write(file, data, size, offset), written)

            def truncate(file: int, size: int) -> int:
                with self._recording.lock:
                    return self._done(under.truncate(file, size), Truncated(files[file], size))

            def sync(file: int, flags: int) -> int:
                with self._recording.lock:
                    return self._done(under.sync(file, flags), Synced(files[file]))

            ours.write, ours.truncate, ours.sync = _WRITE(write), _TRUNCATE(truncate), _SYNC(sync)
        return ctypes.addressof(self._methods[address])

    def _done(self, code: int, entry: Entry) -> int:
        if code == 0:
            self._recording.entries.append(entry)
        return code
