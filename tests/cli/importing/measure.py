"""How many accounts a second are imported, and with how much memory.

python -m tests.cli.importing.measure [COUNT]
"""

import json
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from tests.cli.importing.sources import BCRYPT

START = [sys.executable, "-c", "import sys; from coatcheck.cli import main; sys.argv[0] = 'coatcheck'; main()"]


def measure(folder: Path, count: int) -> None:
    """Import ``count`` accounts from each kind of source into SQLite, and print what that took."""
    accounts = [{"email": f"person{number}@example.com", "password_hash": BCRYPT} for number in range(count)]
    (folder / "lines").write_text("".join(json.dumps(each) + "\n" for each in accounts), encoding="ascii")
    (folder / "array").write_text(json.dumps(accounts), encoding="ascii")
    with closing(sqlite3.connect(folder / "table")) as connection, connection:
        connection.execute("CREATE TABLE user (id INTEGER PRIMARY KEY, email TEXT, hashed_password TEXT)")
        connection.executemany(
            "INSERT INTO user (email, hashed_password) VALUES (?, ?)",
            ((each["email"], each["password_hash"]) for each in accounts),
        )
    for source in ("lines", "array", "table"):
        form = ["--format", "fastapi-users"] if source == "table" else []
        environment = {**os.environ, "COATCHECK_DATABASE_URL": f"sqlite:///{folder}/{source}.db"}
        subprocess.run([*START, "schema", "upgrade"], env=environment, check=True, stdout=subprocess.DEVNULL)
        began = time.monotonic()
        subprocess.run(
            [*START, "users", "import", source, *form], cwd=folder, env=environment, check=True, stdout=subprocess.PIPE
        )
        took = time.monotonic() - began
        memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
        size = (folder / f"{source}.db").stat().st_size // count
        print(f"{source}: {count / took:,.0f} accounts a second; {memory} MiB at most; {size} bytes an account")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        measure(Path(made), int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
