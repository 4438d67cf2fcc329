"""WHO RUNS IT?  The command line: serve, demo, users, sessions, keys, schema, doctor.

The only place that reads the environment. Every group is loaded when it is called, so that ``coatcheck --help`` is quick.
"""

import sys
from importlib import import_module
from typing import Final

import click

_COMMANDS: Final = {
    "demo": "coatcheck.cli.demo",
    "serve": "coatcheck.cli.serve",
    "users": "coatcheck.cli.users",
    "sessions": "coatcheck.cli.sessions",
    "keys": "coatcheck.cli.keys",
    "schema": "coatcheck.cli.schema",
    "doctor": "coatcheck.cli.doctor",
}


class _LoadedWhenCalled(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        home = _COMMANDS.get(cmd_name)
        return None if home is None else import_module(home).command


@click.command(cls=_LoadedWhenCalled, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="coatcheck")
def coatcheck() -> None:
    """Sessions you can scale. JWTs you can revoke.

    Settings come from COATCHECK_… variables; `coatcheck doctor --settings` lists them all.
    """


def main() -> None:
    """The console script. Exit codes: 0 done, 1 refused, 2 wrong usage, 3 the store is in trouble."""
    from coatcheck.cli.outcome import reported

    sys.exit(reported(coatcheck))
