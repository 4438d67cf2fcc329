"""``coatcheck incident deny``, ``allow`` and ``denied``: the local switch, for when nothing can be written (rule 19).

They need no database: what they write is one small file, which every process on this machine looks for.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from coatcheck.cli.opening import configured, database_named, opened
from coatcheck.cli.outcome import say_warning
from coatcheck.cli.printing import ask, instant, json_option, show_document, visible, yes_option
from coatcheck.errors import AuthError, Misconfigured, RequestNotFound, StoreUnavailable
from coatcheck.upkeep.denial_file import (
    EVERYTHING,
    change_denials,
    is_deniable,
    lift_denials,
    lines_of,
    named_on,
    read_denials,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coatcheck.auth import Auth

_SOON: Final = "Every process with this database heeds that within a second; a service with a Verifier does not."


@click.command("deny", short_help="Refuse on this machine, while nothing can be written.")
@click.argument("named", nargs=-1, metavar="[USER|ID]…")
@click.option("--everything", is_flag=True, help="Refuse every credential.")
@click.option("--reason", required=True, help="What happened; goes into the file and, if it can, to the audit trail.")
@yes_option
@json_option
def deny(named: tuple[str, ...], everything: bool, reason: str, yes: bool, as_json: bool) -> None:
    """Refuse sessions (ses_…), users (usr_… or e-mail), signing keys (key_…), or everything, until `incident allow`.

    For when the disk is full or the database read-only, so that nothing can be ended. It ends nothing: whoever is
    refused is told to try again, and goes on when it is lifted. It writes one small file beside the database, or where
    COATCHECK_REVOCATION_DENY_LIST says; where even that fails, send SIGUSR1 to `coatcheck serve` (SIGUSR2 lifts it).

    \b
    coatcheck incident deny ann@example.com --reason "phone stolen"
    coatcheck incident deny --everything --reason "key in a log file"
    """
    if everything == bool(named):
        raise click.UsageError("Say what to refuse: users, sessions or keys, or --everything.")
    auth = configured()
    path = _path(auth)
    wanted = [EVERYTHING] if everything else [_identifier(auth, each) for each in named]
    ask(f"This makes every process here with this database refuse {_in_words(wanted)} until it is lifted.", yes=yes)
    note = f"{instant(datetime.now(UTC))} {visible(reason)}"
    change_denials(path, lambda lines: [*_without(lines, wanted), *(f"{each}  # {note}" for each in wanted)])
    _finish(auth, "checks.denied", wanted, reason, as_json=as_json, said=f"Refused: {_in_words(wanted)}. {_SOON}")


@click.command("allow", short_help="Lift what `deny` refuses.")
@click.argument("named", nargs=-1, metavar="[USER|ID]…")
@click.option("--everything", is_flag=True, help="Lift all of it.")
@click.option("--reason", default="", help="Why; goes to the audit trail, if it can.")
@yes_option
@json_option
def allow(named: tuple[str, ...], everything: bool, reason: str, yes: bool, as_json: bool) -> None:
    """Lift what `incident deny` refuses. First end for good what must not come back: `incident account-compromised` and
    so on work again when the database can be written.

    \b
    coatcheck incident allow --everything
    """
    if everything == bool(named):
        raise click.UsageError("Say what to allow again: users, sessions or keys, or --everything.")
    auth = configured()
    path = _path(auth)
    if not path.exists():
        raise RequestNotFound(f"nothing is refused: there is no {path}")
    wanted = [EVERYTHING] if everything else [_identifier(auth, each) for each in named]
    if not everything and all(named_on(line) not in wanted for line in lines_of(path)):
        raise RequestNotFound(f"{path} does not list {_in_words(wanted)}")
    ask(f"This lets {_in_words(wanted)} pass again, as far as it has not ended.", yes=yes)
    if everything:
        lift_denials(path)
    else:
        change_denials(path, lambda lines: _without(lines, wanted))
    _finish(auth, "checks.allowed", wanted, reason, as_json=as_json, said=f"Allowed: {_in_words(wanted)}. {_SOON}")


@click.command("denied", short_help="Show what is refused on this machine.")
@json_option
def denied(as_json: bool) -> None:
    """Show what the file of `incident deny` refuses on this machine. What a signal refuses is known to the servers
    alone."""
    path = _path(configured())
    found = read_denials(path)
    if as_json:
        show_document({"file": str(path), "everything": found.everything, "identifiers": sorted(found.identifiers)})
    elif found.trouble:
        click.echo(f"Everything is refused: {found.trouble}.")
    elif not found:
        click.echo(f"Nothing is refused: there is no {path}.")
    else:
        for line in lines_of(path):
            click.echo(visible(line))


def _path(auth: "Auth") -> Path:
    path = auth.settings.deny_list(auth.store.beside)
    if path is None:
        raise Misconfigured(
            "no file is named for it, and there is no database file beside which it would lie; name one in "
            "COATCHECK_REVOCATION_DENY_LIST, such as /run/coatcheck-deny. Servers that run without it heed it only "
            "after a restart with the same setting; until then send SIGUSR1 to `coatcheck serve`, which refuses "
            "everything"
        )
    return path


def _without(lines: "Sequence[str]", wanted: "Sequence[str]") -> list[str]:
    return [line for line in lines if named_on(line) not in wanted]


def _identifier(auth: "Auth", named: str) -> str:
    """The id behind an argument; an e-mail address is looked up without opening the database for writing. Raises
    UsageError for what is neither, RequestNotFound, and Misconfigured when it can't be looked up."""
    from coatcheck.cli.database import user_id_of
    from coatcheck.model.email import parse_email

    if is_deniable(named) and named != EVERYTHING:
        return named
    if "@" not in named:
        raise click.UsageError(f"{visible(named)} is no id like ses_…, usr_… or key_…, and no e-mail address.")
    key = parse_email(named).key
    try:
        found = user_id_of(auth.settings.database, key)
    except StoreUnavailable as fault:
        raise Misconfigured(f"{fault.message}, so name the user by id (usr_…)") from fault
    if found is None:
        raise RequestNotFound(f"there is no user {visible(named)}")
    return found


def _in_words(wanted: "Sequence[str]") -> str:
    return "everything" if wanted == [EVERYTHING] else ", ".join(wanted)


def _finish(auth: "Auth", kind: str, wanted: "Sequence[str]", reason: str, *, as_json: bool, said: str) -> None:
    """Write the audit entry if the database lets us, and say what was done."""
    is_audited = _audited(kind, wanted, reason)
    if not is_audited:
        say_warning("the database can't be written, so this is not in the audit trail; the file has the reason")
    if as_json:
        document = {"file": str(_path(auth)), "database": database_named()}
        show_document({**document, "identifiers": list(wanted), "audited": is_audited})
    else:
        click.echo(f"{said} The database is {visible(database_named())}, the file {visible(str(_path(auth)))}.")


def _audited(kind: str, wanted: "Sequence[str]", reason: str) -> bool:
    from coatcheck.clock import now_of
    from coatcheck.model.audit import AuditEntry

    async def work(auth: "Auth") -> None:
        detail = {"what": " ".join(wanted), "reason": reason}
        entry = AuditEntry(at=now_of(auth.clock), kind=kind, detail=detail)
        await auth.store.write(lambda tx: tx.audit.add(entry))

    try:
        opened(work)
    except AuthError:
        return False
    return True
