"""The command ``coatcheck`` itself. A command's module is loaded when it is called, and loads what is heavy inside its
functions, so that ``coatcheck --help`` is quick."""

from importlib import import_module
from typing import Final

import click

from coatcheck.cli.groups import Group

_COMMANDS: Final = (
    "demo",
    "serve",
    "users",
    "sessions",
    "api-keys",
    "services",
    "keys",
    "incident",
    "audit",
    "schema",
    "copy",
    "token",
    "doctor",
)

_ELSEWHERE: Final = {"serve": "serving.serve", "token": "tokens.token", "copy": "copying", "doctor": "doctor.doctor"}
"""Commands whose module has another name."""


class _LoadedWhenCalled(Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        module = _ELSEWHERE.get(cmd_name, cmd_name.replace("-", "_"))
        command: click.Command = import_module(f"coatcheck.cli.{module}").command
        return command


@click.command(
    cls=_LoadedWhenCalled,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done, 1 refused, 2 wrong usage, 3 the store is in trouble.",
)
@click.version_option(package_name="coatcheck", message="coatcheck %(version)s")
def coatcheck() -> None:
    """Sessions you can scale. JWTs you can revoke.

    \b
    coatcheck demo                 look at it, on this machine
    coatcheck serve                run it
    coatcheck incident             something leaked: what to do now
    coatcheck doctor               see whether everything is as it should be

    Settings come from COATCHECK_… variables; `coatcheck doctor --settings` lists them all.
    """
