"""``coatcheck audit``: who did what, when and from where."""

import json
import re
import sys
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import click

from coatcheck.cli.groups import Group
from coatcheck.cli.opening import opened, user_named
from coatcheck.cli.printing import ago, json_option, progress, show_document, show_table
from coatcheck.errors import RequestNotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from coatcheck.auth import Auth
    from coatcheck.model.audit import AuditEntry

_BATCH: Final = 1000
_SPAN: Final = re.compile(r"(\d{1,6})([mhd])", re.ASCII)
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}


def _when(ctx: click.Context, param: click.Parameter, value: str | None) -> datetime | None:
    """An instant, or one so long ago. Raises BadParameter."""
    if value is None:
        return None
    span = _SPAN.fullmatch(value)
    try:
        if span is not None:
            return datetime.now(UTC) - timedelta(**{_UNITS[span[2]]: int(span[1])})
        at = datetime.fromisoformat(value)
        return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise click.BadParameter(
            "this is no instant like 2026-11-21T09:00:00Z, and no span like 30m, 12h or 7d.", ctx, param
        ) from None


def _narrowing(command: Any) -> Any:
    for option in (
        click.option(
            "--until", callback=_when, metavar="WHEN", help="Only what happened before: an instant, or a span ago."
        ),
        click.option(
            "--from",
            "since",
            callback=_when,
            metavar="WHEN",
            help="Only from then on: an instant, or a span ago, like 7d.",
        ),
        click.option("--kind", help="Only this kind, such as login.failed; docs/audit.md has them all."),
        click.option("--user", help="Only what concerns this user: an e-mail address or an id (usr_…)."),
    ):
        command = option(command)
    return command


@click.group("audit", cls=Group, short_help="Who did what, when and from where.")
def command() -> None:
    """The audit trail: every login and refusal, every ending, every change of an account or a key.

    \b
    coatcheck audit list --user ann@example.com --from 7d
    coatcheck audit export > trail.jsonl
    coatcheck audit export --after "$(tail -1 trail.jsonl | jq -r .id)" \\
      >> trail.jsonl
    """


@command.command("list", short_help="Show the newest entries.")
@_narrowing
@click.option(
    "--limit", type=click.IntRange(1, 10**6), metavar="NUMBER", default=50, show_default=True, help="At most so many."
)
@json_option
def list_(
    user: str | None, kind: str | None, since: datetime | None, until: datetime | None, limit: int, as_json: bool
) -> None:
    """Show entries, newest first."""

    async def work(auth: "Auth") -> "tuple[Sequence[AuditEntry], dict[str, str]]":
        user_id = await _user_id(auth, user)
        entries = await auth.audit(user_id=user_id, kind=kind, since=since, until=until, limit=limit)
        people = {each for entry in entries for each in (entry.user_id, entry.actor_id)} - {None}
        found = {each: await auth.get_user(each) for each in people if each is not None and each.startswith("usr_")}
        return entries, {each: person.email for each, person in found.items() if person is not None}

    entries, names = opened(work)
    if as_json:
        show_document([_document(entry) for entry in entries])
        return
    from coatcheck.web.entries import details_of, what_happened, who_did_it

    rows = (
        (
            ago(entry.at),
            what_happened(entry),
            names.get(entry.user_id or "", entry.user_id or "-"),
            who_did_it(entry, names),
            entry.address or "-",
            details_of(entry) or "-",
        )
        for entry in entries
    )
    show_table(("when", "what", "whom", "by", "from", "more"), rows, empty="Nothing of this is in the audit trail.")


@command.command("export", short_help="Print all of it, one JSON object a line.")
@_narrowing
@click.option("--after", metavar="ENTRY", help="Go on after the entry with this id (aud_…): the last one you have.")
def export(
    user: str | None, kind: str | None, since: datetime | None, until: datetime | None, after: str | None
) -> None:
    """Print entries as JSON Lines, oldest first, for keeping elsewhere.

    It can be interrupted at any time: `--after` goes on where the last whole line ended. An entry that has been cleared
    away meanwhile (audit.keep_for) is no place to go on from; then use --from.
    """

    async def work(auth: "Auth") -> None:
        user_id = await _user_id(auth, user)
        if after is not None and await auth.store.read(lambda tx: tx.audit.get(after)) is None:
            raise RequestNotFound("there is no such entry (any more); export with --from instead")
        last, total = after, 0
        with _shown() as show_total:
            while True:
                entries = await auth.store.read(
                    lambda tx, last=last: tx.audit.follow(  # type: ignore[misc]
                        user_id=user_id, kind=kind, since=since, until=until, after=last, limit=_BATCH
                    ),
                    needs_snapshot=False,
                )
                if entries:
                    click.echo("\n".join(_line(entry) for entry in entries))
                total += len(entries)
                show_total(total)
                if len(entries) < _BATCH:
                    return
                last = entries[-1].id

    opened(work)


async def _user_id(auth: "Auth", named: str | None) -> str | None:
    """The id: also of a user who has been deleted, or of a service."""
    if named is None or "@" not in named:
        return named
    return (await user_named(auth, named)).id


def _shown() -> "AbstractContextManager[Callable[[int], None]]":
    """How far it is; nothing where the entries themselves are shown."""
    return nullcontext(lambda _: None) if sys.stdout.isatty() else progress("Exporting")


def _line(entry: "AuditEntry") -> str:
    """One line, whatever is in it: ASCII, so that nothing in it ends the line or is heeded by a terminal."""
    return json.dumps(_document(entry), ensure_ascii=True).replace("\x7f", "\\u007f")


def _document(entry: "AuditEntry") -> dict[str, Any]:
    return {
        "id": entry.id,
        "at": entry.at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "kind": entry.kind,
        "outcome": entry.outcome.value,
        "user_id": entry.user_id,
        "actor_id": entry.actor_id,
        "session_id": entry.session_id,
        "address": entry.address,
        "factors": list(entry.factors),
        "detail": entry.detail,
    }
