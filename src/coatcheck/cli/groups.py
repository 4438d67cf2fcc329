"""Groups of commands that guess what was meant: a mistyped command, one of another group, an e-mail address where a
command belongs."""

from difflib import get_close_matches
from typing import Final

import click

_TOKENS: Final = ("ccs_", "ccr_", "cck_", "ccx_", "eyJ")


class Group(click.Group):
    """A group whose "no such command" says what to type instead."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """See ``click.Group``. Raises UsageError with what was probably meant."""
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None:
            meant = self._meant(ctx, name, args[1:])
            hint = f" Did you mean `{meant}`?" if meant else ""
            # A token that was pasted here by mistake is not repeated: what is on stderr ends up in logs.
            unknown = "That is no command." if name.startswith(_TOKENS) else f"There is no command {name!r}."
            raise click.UsageError(unknown + hint, ctx)
        return super().resolve_command(ctx, args)

    def _meant(self, ctx: click.Context, name: str, rest: list[str]) -> str | None:
        """The command that was probably meant, as one would type it."""
        path, known = ctx.command_path, self.list_commands(ctx)
        if name.startswith(_TOKENS):
            return "coatcheck token"
        if "@" in name or name.startswith("usr_"):
            wanted = next((word for word in (*rest, "show", "list") if self._takes_a_user(ctx, word)), None)
            return f"{path} {wanted} {name}" if wanted else f"coatcheck users show {name}"
        close = get_close_matches(name, known, n=1)
        if close:
            return " ".join([path, close[0]])
        return self._elsewhere(ctx, name)

    def _takes_a_user(self, ctx: click.Context, word: str) -> bool:
        command = self.get_command(ctx, word)
        return command is not None and any(each.name == "user" for each in command.params)

    def _elsewhere(self, ctx: click.Context, name: str) -> str | None:
        """A command of that very name that is kept in another group."""
        root = ctx.find_root()
        if not isinstance(root.command, click.Group):
            return None
        for place in root.command.list_commands(root):
            command = root.command.get_command(root, place)
            if place == name:
                return f"coatcheck {place}"
            if isinstance(command, click.Group) and name in command.commands:
                return f"coatcheck {place} {name}"
        return None
