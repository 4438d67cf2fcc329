"""What ``coatcheck doctor`` says of the witness: would a database that went back in time be noticed, and has it?"""

import os

from coatcheck.cli.doctor.check import Check
from coatcheck.errors import Misconfigured
from coatcheck.settings import Settings
from coatcheck.stores.port import Store
from coatcheck.upkeep.witness import Witness


async def history(settings: Settings, store: Store) -> Check:
    """Look at the file, and at the database as it remembers it."""
    path = settings.witness(store.beside)
    if path is None:
        return Check(
            "history",
            "warning",
            "no file here remembers how far the log was, so a database that went back in time is not noticed",
            "Name one in COATCHECK_REVOCATION_WITNESS, such as /var/lib/coatcheck/witness.",
        )
    witness = Witness(path)
    trouble = witness.trouble()
    if trouble:
        return Check(
            "history",
            "problem",
            f"{trouble}, so a database that went back in time is not noticed",
            "As the servers' user: let it write to the folder, and remove there what no server wrote; restart them.",
        )
    try:
        await witness.require_no_return(store)
    except Misconfigured as fault:
        return Check("history", "problem", fault.message, "Run `coatcheck schema restored`.")
    if witness.recall() is not None:
        return Check("history", "ok", "the database has not gone back in time")
    if await _serves_here(settings, store):
        return Check(
            "history",
            "problem",
            f"servers run here, but {path} is not there, so a database that went back in time is not noticed",
            "See in their log why they can't write it, and that COATCHECK_REVOCATION_WITNESS is the same for them.",
        )
    return Check("history", "ok", f"nothing to compare with yet: the first server that starts here makes {path}")


async def _serves_here(settings: Settings, store: Store) -> bool:
    """Whether a process of this machine follows the log: with SQLite any is, else those that are named after it."""
    rows = await store.read_registry(lambda registry: registry.all())
    beside = [row for row in rows if row.credential is None and row.lapsed_at is None]
    return any(not settings.is_shared or row.name.startswith(f"{os.uname().nodename}:") for row in beside)
