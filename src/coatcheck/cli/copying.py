"""``coatcheck copy``: from a SQLite file to PostgreSQL, with everything, so that nobody is logged out."""

import os
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from coatcheck.cli.outcome import say_warning
from coatcheck.cli.printing import json_option, progress, show_document
from coatcheck.errors import Misconfigured
from coatcheck.settings import POSTGRESQL

if TYPE_CHECKING:
    from coatcheck.model.key import SigningKey
    from coatcheck.settings import Settings
    from coatcheck.stores.copying.copy_store import Copied
    from coatcheck.tokens.derivation import Secrets


@click.command("copy", short_help="Move from SQLite to PostgreSQL.")
@click.argument("source", metavar="SQLITE_URL")
@click.argument("target", metavar="[POSTGRESQL_URL]", required=False)
@json_option
def command(source: str, target: str | None, as_json: bool) -> None:
    """Move an installation from a SQLite file to an empty PostgreSQL database. Nobody is logged out: accounts,
    sessions, keys, services, the audit trail and the log of revocations go over as they are.

    Stop the servers first. If this is stopped on the way, or killed, the same command goes on. The file stays as it was
    until the target was found equal; then it is set aside (app.db-moved), and whatever still opens it is refused.
    Without POSTGRESQL_URL the target is COATCHECK_DATABASE_URL, so that its password is in no list of processes.

    \b
    coatcheck copy sqlite:///app.db postgresql://coatcheck@db.internal/coatcheck
    """
    from coatcheck.cli.environment import settings_from
    from coatcheck.stores.copying.copy_store import copy_store

    settings = settings_from(os.environ)
    target = target or settings.database
    path = _checked(source, target)
    secrets, secret_file = _secrets(settings, path)
    with _Bars() as bars:
        copied = copy_store(
            path, target, now=datetime.now(UTC), check_keys=lambda keys: _require_opened(keys, secrets), show=bars.show
        )
    _have_the_way_back_noticed(settings, path, copied)
    if as_json:
        show_document(_document(path, copied, secret_file))
    else:
        for sentence in _sentences(copied, secret_file):
            click.echo(sentence)
    denied = Path(f"{path}-deny")
    if denied.exists() and not settings.revocation.deny_list:
        say_warning(
            f"{denied} is read by no server with PostgreSQL: what it refuses would be accepted. Name it in "
            "COATCHECK_REVOCATION_DENY_LIST, on every server"
        )


def _checked(source: str, target: str) -> Path:
    """The file that is copied. Raises UsageError, Misconfigured."""
    from coatcheck.stores.open import store_for
    from coatcheck.stores.place import path_of

    path = path_of(source)
    if path is None:
        raise click.UsageError("the source is a SQLite file, like sqlite:///app.db")
    if not target.startswith(POSTGRESQL):
        raise click.UsageError("the target is a PostgreSQL database, like postgresql://user@host/name")
    store_for(source)
    store_for(target)
    return path


def _secrets(settings: "Settings", path: Path) -> "tuple[Secrets, Path | None]":
    """The master secrets, and the file beside the source that they are in when the settings give none."""
    from coatcheck.tokens.derivation import Secrets
    from coatcheck.upkeep.secret_file import read_development_secret

    if settings.secrets:
        return Secrets(settings.secrets), None
    try:
        return Secrets((read_development_secret(str(path)),)), Path(f"{path}-secret")
    except Misconfigured as fault:
        raise Misconfigured(
            f"the secret of this installation is needed, as COATCHECK_SECRETS_FILE or {path}-secret: {fault.message}"
        ) from None


def _require_opened(keys: "Iterable[SigningKey]", secrets: "Secrets") -> None:
    """Open every key. Raises Misconfigured when one was sealed under another secret, SealBroken when it was changed."""
    from coatcheck.tokens.sealing import SEALING, unseal

    for key in keys:
        sealing = secrets.by_id(SEALING, key.sealed_under)
        if sealing is None:
            raise Misconfigured(
                f"the signing keys were sealed under another secret, whose id is {key.sealed_under}: with this one "
                "everybody would be logged out"
            )
        unseal(key.sealed_private_key, key.kid, key.algorithm, sealing)


def _have_the_way_back_noticed(settings: "Settings", path: Path, copied: "Copied") -> None:
    """Have the file's witness say that history went on: what is put back in its place is a restored backup.

    One that the settings name goes on with the target, and notices by itself.
    """
    from coatcheck.model.position import Position
    from coatcheck.upkeep.witness import Witness

    if not settings.revocation.witness:
        beyond = Position(copied.position.epoch, copied.position.seq + 1)
        Witness(Path(f"{path}-witness")).remember(beyond, f"copied to {copied.place}")


def _document(path: Path, copied: "Copied", secret_file: Path | None) -> dict[str, Any]:
    return {
        "source": str(path),
        "target": copied.place,
        "was_finished": copied.was_finished,
        "went_on": copied.went_on,
        "position": str(copied.position),
        "tables": {name: each._asdict() for name, each in copied.tables.items()},
        "aside": str(copied.aside),
        "secret_file": None if secret_file is None else str(secret_file),
    }


def _sentences(copied: "Copied", secret_file: Path | None) -> Iterable[str]:
    if copied.was_finished:
        yield f"This was copied to {copied.place} before. Nothing was done."
        return
    for name, each in copied.tables.items():
        yield f"{name.removeprefix('coatcheck_'):<13}{each.rows:>12,}  {each.digest[:16]}"
    yield f"Everything is in {copied.place}, and was found equal there. The secret opens the signing keys."
    yield f"The file is kept in {copied.aside}; nothing opens it any more."
    if secret_file is not None:
        yield f"The secret is in {secret_file}: name it in COATCHECK_SECRETS_FILE, on every server."
    yield "Start the servers with COATCHECK_DATABASE_URL naming the new database."


class _Bars:
    """A progress bar for each thing that is done, one after the other."""

    def __init__(self) -> None:
        self._open = ExitStack()
        self._what = ""
        self._update: Callable[..., None] = lambda _: None

    def __enter__(self) -> "_Bars":
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def show(self, what: str, done: int, total: int) -> None:
        """Say how far ``what`` is."""
        if what != self._what:
            self._open.close()
            self._what, self._update = what, self._open.enter_context(progress(what, total=total))
        self._update(done)
