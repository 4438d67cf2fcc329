"""How a command ends: an exit code, and one plain sentence on stderr when it went wrong."""

import os
import sys
from typing import Final

import click

from coatcheck.cli.printing import visible
from coatcheck.errors import AuthError, Broken, RequestInvalid

REFUSED: Final = 1
USAGE: Final = 2
TROUBLE: Final = 3
INTERRUPTED: Final = 130


def reported(command: click.Command) -> int:
    """Run ``command`` and turn whatever happens into an exit code."""
    try:
        code = command.main(prog_name="coatcheck", standalone_mode=False)
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.exceptions.NoArgsIsHelpError as asked:
        click.echo(asked.ctx.get_help())
        return 0
    except click.UsageError as fault:
        say_error(fault.format_message())
        if fault.ctx is not None:
            click.echo(f"See `{fault.ctx.command_path} --help`.", err=True)
        return USAGE
    except click.ClickException as fault:
        say_error(fault.format_message())
        return REFUSED
    except click.Abort:
        click.echo("Stopped.", err=True)
        return INTERRUPTED
    except AuthError as fault:
        say_error(sentence_of(fault))
        return TROUBLE if isinstance(fault, Broken) else REFUSED
    except BrokenPipeError:  # `coatcheck users list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code if isinstance(code, int) else 0


def sentence_of(fault: AuthError) -> str:
    """What went wrong, with the reason for each field where there are several, and why what is broken is."""
    if isinstance(fault, Broken):
        return fault.in_full
    reasons = " ".join(each.reason for each in fault.errors) if isinstance(fault, RequestInvalid) else ""
    return reasons or fault.message


def say_error(sentence: str) -> None:
    """Print ``error: …`` on stderr, red on a terminal."""
    _say("error:", "red", sentence)


def say_warning(sentence: str) -> None:
    """Print ``warning: …`` on stderr, yellow on a terminal."""
    _say("warning:", "yellow", sentence)


def _say(word: str, colour: str, sentence: str) -> None:
    has_colours = sys.stderr.isatty() and "NO_COLOR" not in os.environ
    click.echo(click.style(word, fg=colour, bold=True) + f" {visible(sentence)}", err=True, color=has_colours)
