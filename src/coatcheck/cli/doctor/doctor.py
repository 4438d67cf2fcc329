"""``coatcheck doctor``: is everything as it should be?"""

import os
from collections import Counter
from typing import TYPE_CHECKING, Final

import click

from coatcheck.cli.outcome import REFUSED
from coatcheck.cli.printing import json_option, show_document

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coatcheck.cli.doctor.check import Check

_COLOURS: Final = {"ok": "green", "warning": "yellow", "problem": "red"}


@click.command("doctor", short_help="Is everything as it should be? What to mend.")
@click.option("--settings", "list_settings", is_flag=True, help="List every setting instead.")
@json_option
def command(list_settings: bool, as_json: bool) -> None:
    """Look whether everything is as it should be, and say how to mend what is not. Changes nothing.

    Exit code 1 when there is a problem.

    \b
    coatcheck doctor
    coatcheck doctor --settings       every setting: its variable, value,
                                      default, and what it is for
    """
    if list_settings:
        _show_settings(as_json=as_json)
        return
    from coatcheck.cli.doctor.examine import examine

    checks = examine(os.environ)
    if as_json:
        show_document([check._asdict() for check in checks])
    else:
        _show(checks)
    if any(check.state == "problem" for check in checks):
        raise click.exceptions.Exit(REFUSED)


def _show(checks: "Sequence[Check]") -> None:
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    from coatcheck.cli.printing import console

    screen = console()
    for check in checks:
        state = Text(f"{check.state:<9}", style=_COLOURS[check.state])
        line = Text(f"{check.name:<13} {check.says}")
        if screen.is_terminal:
            from rich.table import Table

            row = Table.grid(padding=0)
            row.add_column(width=9)
            row.add_column(width=14)
            row.add_column(overflow="fold")
            mend = [Text(f"→ {check.mend}", style="bold")] if check.mend else []
            row.add_row(state, check.name, Group(Text(check.says), *mend))
            screen.print(Padding(row, 0))
        else:
            screen.print(state + line)
            if check.mend:
                screen.print(f"{'':<23}→ {check.mend}")
    counted = Counter(check.state for check in checks)
    click.echo(
        f"\n{counted['problem'] or 'No'} problem{'s' * (counted['problem'] != 1)}, "
        f"{counted['warning'] or 'no'} warning{'s' * (counted['warning'] != 1)}."
    )


def _show_settings(*, as_json: bool) -> None:
    import textwrap

    from coatcheck.cli.environment import settings_from
    from coatcheck.cli.knobs import knobs

    listed = list(knobs(settings_from(os.environ)))
    if as_json:
        show_document([knob._asdict() for knob in listed])
        return
    for knob in listed:
        was = f"   (default: {knob.default or 'none'})" if knob.is_changed else ""
        click.echo(f"{click.style(knob.variable, bold=True)} = {knob.value or 'none'}{was}")
        click.echo(textwrap.indent(textwrap.fill(knob.says, 76), "    ") + "\n")
    click.echo("Each may be read from a file: COATCHECK_…_FILE names it.")
