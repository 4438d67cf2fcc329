"""Who acts through the command line, as the audit trail names it."""

import getpass
import os


def acting() -> str:
    """``cli:ann@web1``: the account on this machine, by its own word, and the machine. No user's id looks like it."""
    try:
        account = getpass.getuser()
    except (KeyError, OSError):  # in a container, an account may have a number alone
        account = str(os.getuid())
    named = f"{account}@{os.uname().nodename}"
    return "cli:" + "".join(each if each.isprintable() else "�" for each in named)[:100]
