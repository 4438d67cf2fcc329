"""What a command prints: one JSON document for programs, a table or a sentence for people."""

import json
import signal
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from coatcheck.cli.opening import database_named

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from coatcheck.model.receipt import Receipt

Command = Callable[..., Any]


def json_option(command: Command) -> Command:
    """Add ``--json`` to a command."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")(command)


def yes_option(command: Command) -> Command:
    """Add ``--yes`` to a command that asks first."""
    return click.option("--yes", is_flag=True, help="Do it without asking.")(command)


def console(*, stderr: bool = False) -> "Console":
    """The terminal, or what stands in for it: colours only there, and not with NO_COLOR; never wrapped in a pipe."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else 10_000
    return Console(
        stderr=stderr, highlight=False, markup=False, emoji=False, soft_wrap=not stream.isatty(), width=width
    )


def show_document(document: Any) -> None:
    """Print one JSON document. What a terminal would obey is escaped in it, which means the same to a program."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    click.echo("".join(each if each.isprintable() or each == "\n" else _escaped(each) for each in text))


def show_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, empty: str) -> None:
    """Print a table, or the sentence ``empty`` when there is nothing in it. In a pipe: columns parted by tabs."""
    lines = [[visible(cell) for cell in row] for row in rows]
    if not lines:
        click.echo(empty, err=True)
    elif not sys.stdout.isatty():
        for line in (list(columns), *lines):
            click.echo("\t".join(line))
    else:
        from rich.table import Table

        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in columns:
            table.add_column(column, overflow="fold")
        for line in lines:
            table.add_row(*line)
        console().print(table)


def show_fields(fields: Mapping[str, str]) -> None:
    """Print names and values, one a line."""
    width = max(map(len, fields))
    for name, value in fields.items():
        click.echo(f"{visible(name):<{width}}  {visible(value)}")


def ask(sentence: str, *, yes: bool) -> None:
    """Say what is about to be done, and in which database, and ask. Raises Exit for a "no", UsageError where nobody can
    answer."""
    if yes:
        return
    sentence = f"{sentence} {_where()}"
    if not sys.stdin.isatty():
        raise click.UsageError(f"{sentence} Add --yes to do it without being asked.")
    # Inside asyncio the first Ctrl-C only cancels the task, and that is waiting for the answer and would go on.
    heeded = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        is_wanted = click.confirm(f"{sentence} Go on?", err=True)
    except click.Abort:
        click.echo(err=True)
        raise
    finally:
        signal.signal(signal.SIGINT, heeded)
    if not is_wanted:
        click.echo("Nothing was changed.", err=True)
        raise click.exceptions.Exit(1)


@contextmanager
def waiting(sentence: str) -> "Iterator[None]":
    """Show that something is waited for, on a terminal."""
    if not sys.stderr.isatty():
        yield
        return
    with console(stderr=True).status(sentence):
        yield


@contextmanager
def progress(sentence: str, total: int | None = None) -> "Iterator[Callable[..., None]]":
    """Show that long work goes on and how far it is, on a terminal. Yields what is told the count so far and, where
    there is a ``total``, how much of that is done."""
    if not sys.stderr.isatty():
        yield lambda _count, _done=None: None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    count = TextColumn("{task.fields[count]:,.0f}")
    columns = (TextColumn("{task.description}"), BarColumn(24), count, TimeElapsedColumn())
    with Progress(*columns, console=console(stderr=True), transient=True) as bar:
        task = bar.add_task(sentence, total=total, count=0)
        yield lambda count, done=None: bar.update(task, completed=count if done is None else done, count=count)


def show_ending(done: str, receipt: "Receipt | None", *, as_json: bool, **more: Any) -> None:
    """Say what was ended, in which database, and who has confirmed it."""
    from coatcheck.web.receipts import receipt_sentence

    if as_json:
        confirmed = None if receipt is None else receipt_document(receipt)
        show_document({**more, "database": database_named(), "receipt": confirmed})
    else:
        click.echo(done if receipt is None else f"{receipt_sentence(receipt, done)} {_where()}")


def _where() -> str:
    return f"The database is {visible(database_named())}."


def receipt_document(receipt: "Receipt") -> dict[str, Any]:
    """A receipt as the contract has it, with the names."""
    return {
        "position": str(receipt.position),
        "confirmed": list(receipt.confirmed),
        "waited_out": list(receipt.waited_out),
        "unbound": list(receipt.unbound),
        "unbound_until": instant(receipt.unbound_until),
        "took_ms": round(receipt.took.total_seconds() * 1000, 3),
    }


def instant(at: datetime | None) -> str | None:
    """RFC 3339 in UTC, for programs."""
    return None if at is None else at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def ago(at: datetime) -> str:
    """An instant as people say it."""
    from coatcheck.web.times import relative_time

    return relative_time(at, datetime.now(UTC))


def _escaped(character: str) -> str:
    return json.dumps(character)[1:-1]


def visible(text: str) -> str:
    """Text from outside, without what a terminal would obey."""
    return "".join(character if character.isprintable() else "�" for character in text)
