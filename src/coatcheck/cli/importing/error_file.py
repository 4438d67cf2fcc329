"""What was not imported: a file with one JSON object a line, in step with the progress that is in the database."""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple, Self

from coatcheck.errors import Misconfigured

_PIECE: Final = 65_536
_BEGINS: Final = b'{"place": "'


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
    """Takes the faults of a batch after it was committed. Only its owner can read it: it has addresses."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+b")
        except OSError as fault:
            raise Misconfigured(f"{path} can't be written: {fault.strerror}") from None
        self._require_ours()
        self.count = self._ends(None)[0]

    def keep(self, count: int) -> None:
        """Drop everything behind the first ``count`` lines, also half a line that a crash left."""
        self._file.truncate(self._ends(count)[1])
        self._file.seek(0, os.SEEK_END)

    def add(self, faults: Iterable[ImportFault]) -> None:
        """Write these down, for sure."""
        for fault in faults:
            self._file.write(json.dumps(fault._asdict()).encode("ascii") + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def require_empty(self) -> None:
        """Raise Misconfigured when there is something in it that is not of this import."""
        if self.count or self._path.stat().st_size:
            raise Misconfigured(f"{self._path} is of another import: remove it, or name another file")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def _require_ours(self) -> None:
        """Raise Misconfigured for a file that somebody else wrote: it would be cut off."""
        first = self._file.read(len(_BEGINS))
        if not _BEGINS.startswith(first):  # a crash may have left less than that
            self._file.close()
            raise Misconfigured(f"{self._path} is no file of errors: name another one")

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
