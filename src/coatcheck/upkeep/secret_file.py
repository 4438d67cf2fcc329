"""The development secret: made once beside the SQLite file, and never made anew while it still locks something."""

import os
from contextlib import suppress
from pathlib import Path
from secrets import token_urlsafe
from tempfile import mkstemp

from coatcheck.errors import Misconfigured


def development_secret(beside: str | None, *, has_sealed_keys: bool) -> str:
    """Return the secret in ``<database>-secret``, making the file (0600, O_EXCL) if this installation is new.

    Without files (a memory store) the secret lives as long as the process. Raises Misconfigured when the file is
    missing although keys were sealed under it: a new one would make every session cookie and key useless without saying
    so; and when others may read the file.
    """
    if beside is None:
        return token_urlsafe(32)
    path = Path(f"{beside}-secret")
    if not path.exists():
        if has_sealed_keys:
            raise Misconfigured(
                f"{path} is missing, but the database holds keys that were sealed under it. Put the file back, or give "
                "the secret in the settings (COATCHECK_SECRETS_FILE)."
            )
        _make(path)
    return _read(path)


def read_development_secret(beside: str | None) -> str:
    """Return the secret in ``<database>-secret``, never make one. Raises Misconfigured when there is none to read."""
    path = Path(f"{beside}-secret")
    if not path.exists():
        raise Misconfigured(f"{path} is missing")
    return _read(path)


def _make(path: Path) -> None:
    """Write a whole file first and give it its name afterwards, so that of several processes one wins and none reads a
    file that is half written. The draft's name is random: in containers every process has the same id."""
    descriptor, draft = mkstemp(prefix=f"{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(token_urlsafe(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        Path(draft).unlink()


def _read(path: Path) -> str:
    if path.stat().st_mode & 0o077:
        raise Misconfigured(f"{path} can be read by others; run: chmod 600 {path}")
    secret = path.read_text(encoding="ascii").strip()
    if len(secret) < 32:
        raise Misconfigured(f"{path} does not hold a secret; restore it from where it was saved")
    return secret
