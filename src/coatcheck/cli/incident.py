"""``coatcheck incident``: what to do when something has leaked. The commands of other groups, found in a hurry, and the
local switch for when nothing can be written."""

import click

from coatcheck.cli import denying, keys, schema, sessions, users
from coatcheck.cli.groups import Group


@click.group("incident", cls=Group, short_help="Something leaked: what to do now.")
def command() -> None:
    """Something has leaked, or somebody is in. Each says what it will do, asks, does it, and shows who confirmed.

    \b
    key-leaked           a signing key was seen by others
    account-compromised  somebody else has this account
    end-everything       nobody knows what was taken: log everybody out
    backup-restored      a backup was put in the database's place
    deny, allow, denied  nothing can be written: refuse here, for now
    """


command.add_command(keys.revoke, "key-leaked")
command.add_command(users.compromised, "account-compromised")
command.add_command(sessions.end_everything, "end-everything")
command.add_command(schema.restored, "backup-restored")
command.add_command(denying.deny)
command.add_command(denying.allow)
command.add_command(denying.denied)
