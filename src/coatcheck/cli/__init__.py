"""WHO RUNS IT?  The command line: serve, demo, users, sessions, keys, schema, token, doctor.

The only place that reads the environment. ``program`` lists the commands; each is a module of the same name.
"""

import sys


def main() -> None:
    """The console script. Exit codes: 0 done, 1 refused, 2 wrong usage, 3 the store is in trouble."""
    try:
        from coatcheck.cli.outcome import reported
        from coatcheck.cli.program import coatcheck

        code = reported(coatcheck)
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.partition(".")[0] == "coatcheck":
            raise
        sys.exit(
            f"error: the command line needs more than was installed ({missing.name} is missing); run: "
            "pip install 'coatcheck[server]'"
        )
    sys.exit(code)
