"""Databases and dumps of other applications, as those made them, and the password of everybody in them."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

PASSWORD = "correct horse battery stäple"
FOLDER = Path(__file__).parent
BCRYPT = "$2b$04$XoG/IqMGq/fdswRGsIDlUurqEB1hk241pm62iYuK18vovShi75Qxq"


def database(folder: Path, made_by: str) -> Path:
    """The SQLite file of an application: ``django`` or ``fastapi_users``."""
    path = folder / f"{made_by}.sqlite3"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((FOLDER / f"{made_by}.sql").read_text(encoding="utf-8"))
    return path


def lines(path: Path, *records: object) -> Path:
    """A file with one record a line; text and bytes stand there as they are."""
    with path.open("wb") as file:
        for record in records:
            raw = record.encode() if isinstance(record, str) else record
            file.write((raw if isinstance(raw, bytes) else json.dumps(record).encode()) + b"\n")
    return path


def many(path: Path, count: int) -> Path:
    """``count`` accounts, of which every 100th is refused and every 150th has the address of the first."""

    def record(number: int) -> dict[str, object]:
        if number % 100 == 99:
            return {"email": "nobody"}
        address = "person0" if number % 150 == 149 else f"person{number}"
        return {"email": f"{address}@example.com", "name": f"Person {number}", "password_hash": BCRYPT}

    return lines(path, *map(record, range(count)))
