"""A file with one JSON object a line, or with one JSON array of objects, read piece by piece."""

import re
from collections.abc import Iterator
from hashlib import blake2b, file_digest
from json import JSONDecodeError
from pathlib import Path
from typing import Any, BinaryIO, Final

from coatcheck.cli.importing.records import LONGEST, Record
from coatcheck.errors import Misconfigured
from coatcheck.tokens.strict_json import read_object

_PIECE: Final = 65_536
_MARK: Final = b"\xef\xbb\xbf"
_STRUCTURE: Final = re.compile(rb'\\.|["{}\[\]]', re.DOTALL)
_BETWEEN: Final = re.compile(rb"[ \t\r\n]*,?[ \t\r\n]*")
_TOO_LONG: Final = f"This is longer than {LONGEST:,} bytes."


class JsonFile:
    """See ``records.Source``. What it holds says which import it is, not its name."""

    def __init__(self, path: Path) -> None:
        try:
            self._file: BinaryIO = path.open("rb")
            with path.open("rb") as whole:
                self.import_id = file_digest(whole, lambda: blake2b(digest_size=16)).hexdigest()
            self.total = path.stat().st_size
        except OSError as fault:
            raise Misconfigured(f"{path} can't be read: {fault.strerror}") from None
        self.name = path.name

    @property
    def done(self) -> int:
        return self._file.tell()

    def read(self, cursor: str) -> Iterator[Record]:
        start, _, number = cursor.partition(":")
        self._file.seek(0)
        is_array = self._file.read(_PIECE).removeprefix(_MARK).lstrip()[:1] == b"["
        self._file.seek(int(start or 0))
        return self._elements(int(number or 0)) if is_array else self._lines(int(number or 0))

    def close(self) -> None:
        self._file.close()

    def _lines(self, number: int) -> Iterator[Record]:
        while line := self._file.readline(LONGEST + 2):
            number += 1
            text = line.rstrip(b"\r\n")
            whole = line
            while whole and not whole.endswith(b"\n"):
                whole = self._file.readline(_PIECE)
            if number == 1:
                text = text.removeprefix(_MARK)
            if text.strip():
                yield _record(f"line {number}", f"{self._file.tell()}:{number}", text)

    def _elements(self, number: int) -> Iterator[Record]:
        """The objects of an array. Where it is no array of objects, nothing behind that can be told apart."""
        offset, rest = self._file.tell(), b""
        if not offset:
            rest = self._file.read(_PIECE)
            opening = rest.index(b"[") + 1
            offset, rest = opening, rest[opening:]
        while True:
            rest += b"" if len(rest) >= _PIECE else self._file.read(_PIECE)
            skipped = _BETWEEN.match(rest).end()  # type: ignore[union-attr]  # it matches nothing, too
            offset, rest = offset + skipped, rest[skipped:]
            if rest[:1] == b"]" or (not rest and skipped == 0):
                break
            if not rest:
                continue
            number += 1
            if rest[:1] != b"{":
                raise Misconfigured(f"{self.name} is no JSON array of objects: see byte {offset}, after {number - 1}")
            size, text, rest = self._element(rest)
            offset += size
            yield _record(f"record {number}", f"{offset}:{number}", text)
        problem = "The file ends in the middle: it is not complete." if not rest else ""
        rest = rest[1:]
        while not problem and (rest or (rest := self._file.read(_PIECE))):
            problem, rest = "There is more after the end of the array." if rest.strip() else "", b""
        if problem:
            yield Record("the end", f"{offset}:{number}", None, problem)

    def _element(self, rest: bytes) -> tuple[int, bytes, bytes]:
        """Cut the object off that ``rest`` begins with: its size, its text (cut where it is too long), and the rest."""
        size, kept, depth, quoted = 0, b"", 0, False
        while rest:
            whole = len(rest) - 1 if rest.endswith(b"\\") and not _ends_escaped(rest) else len(rest)
            for found in _STRUCTURE.finditer(rest, 0, whole):
                mark = found[0]
                if mark == b'"':
                    quoted = not quoted
                elif not quoted and mark in b"{[":
                    depth += 1
                elif not quoted and mark in b"}]":
                    depth -= 1
                    if depth == 0:
                        end = found.end()
                        return size + end, (kept + rest[:end])[: LONGEST + 1], rest[end:]
            size, kept = size + whole, (kept + rest[:whole])[: LONGEST + 1]
            rest = rest[whole:] + (more := self._file.read(_PIECE))
            if not more:
                break
        return size + len(rest), kept + rest, b""


def _ends_escaped(text: bytes) -> bool:
    """True when the backslash at the end is itself escaped."""
    return (len(text) - len(text.rstrip(b"\\"))) % 2 == 0


def _record(place: str, cursor: str, text: bytes) -> Record:
    if len(text) > LONGEST:
        return Record(place, cursor, None, _TOO_LONG)
    try:
        fields: dict[str, Any] = read_object(text)
    except UnicodeDecodeError:
        return Record(place, cursor, None, "This is not text in UTF-8.")
    except JSONDecodeError as fault:
        return Record(place, cursor, None, f"This is not JSON: {fault.msg}, at character {fault.pos + 1}.")
    except ValueError as fault:
        problem = "a number is out of range" if "digits" in str(fault) else str(fault)
        return Record(place, cursor, None, f"This is not acceptable as JSON: {problem}.")
    return Record(place, cursor, fields)
