"""How a command ends: an exit code, and one plain sentence on stderr when it went wrong."""

import os
import sys
from typing import Final

import click

from coatcheck.errors import AuthError, Broken

REFUSED: Final = 1
USAGE: Final = 2
TROUBLE: Final = 3
INTERRUPTED: Final = 130


def reported(command: click.Command) -> int:
    """Run ``command`` and turn whatever happens into an exit code."""
    try:
        code = command.main(standalone_mode=False)
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.ClickException as fault:
        fault.show()
        return fault.exit_code
    except click.Abort:
        click.echo("Stopped.", err=True)
        return INTERRUPTED
    except AuthError as fault:
        say_error(fault.message)
        return TROUBLE if isinstance(fault, Broken) else REFUSED
    except BrokenPipeError:  # `coatcheck users list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code if isinstance(code, int) else 0


def say_error(sentence: str) -> None:
    """Print ``error: …`` on stderr, red on a terminal."""
    colour = sys.stderr.isatty() and "NO_COLOR" not in os.environ
    click.echo(click.style("error:", fg="red", bold=True) + f" {sentence}", err=True, color=colour)
