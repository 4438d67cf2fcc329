"""What was not imported: a file with one JSON object a line, in step with the progress that is in the database.

Each line names the import it is of: what another import has written is never cut off.
"""

import json
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, Self

from coatcheck.errors import Misconfigured

_PIECE: Final = 65_536
_BEGINS: Final = b'{"import": "'


class ImportFault(NamedTuple):
    """Why one record was not imported. ``email`` is its address if that was one."""

    place: str
    field: str | None
    reason: str
    email: str | None = None

    @property
    def sentence(self) -> str:
        """For people."""
        return ": ".join(part for part in (self.place, self.email or self.field, self.reason) if part)


class ErrorFile:
    """Takes the faults of a batch after it was committed. Only its owner can read it: it has addresses.

    Raises Misconfigured for a file that can't be written, or that is not of this import.
    """

    def __init__(self, path: Path, import_id: str) -> None:
        self._path = path
        self._import_id = import_id
        try:
            self._file = _opened(path)
            try:
                self._require_ours()
                os.fchmod(self._file.fileno(), 0o600)  # it may have been there before
                self.count = self._ends(None)[0]
            except BaseException:
                self._file.close()
                raise
        except OSError as fault:
            raise Misconfigured(f"{path} can't be written: {fault.strerror}") from None

    def keep(self, count: int) -> None:
        """Drop everything behind the first ``count`` lines, also half a line that a crash left."""
        self._file.truncate(self._ends(count)[1])
        self._file.seek(0, os.SEEK_END)

    def add(self, faults: Iterable[ImportFault]) -> None:
        """Write these down, for sure."""
        for fault in faults:
            line = {"import": self._import_id, **fault._asdict()}
            self._file.write(json.dumps(line).encode("ascii") + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def require_empty(self) -> None:
        """Raise Misconfigured when there is something in it, although this import has written nothing yet."""
        if os.fstat(self._file.fileno()).st_size:
            raise self._of_another()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def _require_ours(self) -> None:
        """Raise Misconfigured for a file that somebody else wrote: it would be cut off."""
        ours = _BEGINS + self._import_id.encode("ascii") + b'"'
        first = self._file.read(len(ours))
        if ours.startswith(first):  # a crash may have left less than that
            return
        if first.startswith(_BEGINS):
            raise self._of_another()
        raise Misconfigured(f"{self._path} is no file of errors: name another one")

    def _of_another(self) -> Misconfigured:
        return Misconfigured(f"{self._path} is of another import: remove it, or name another file")

    def _ends(self, most: int | None) -> tuple[int, int]:
        """How many whole lines there are, ``most`` at most, and where the last of them ends."""
        count = end = 0
        self._file.seek(0)
        while most is None or count < most:
            line = self._file.readline(_PIECE)
            if not line.endswith(b"\n"):
                break
            count, end = count + 1, end + len(line)
        return count, end


def _opened(path: Path) -> BinaryIO:
    """The file at ``path`` itself: whoever put something else there could read what is written, or have another file
    overwritten. Raises OSError, and Misconfigured where it is not the caller's own."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError:
        if path.is_symlink():
            raise Misconfigured(f"{path} is a symbolic link: name the file that it leads to") from None
        raise
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
        os.close(descriptor)
        raise Misconfigured(f"{path} is no plain file of yours: name another one")
    return os.fdopen(descriptor, "r+b")
