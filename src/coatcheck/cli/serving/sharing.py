"""What the workers of one server have to share."""

from dataclasses import replace

from coatcheck.passwords.cores import cores
from coatcheck.settings import Settings


def sharing_cores(settings: Settings, workers: int) -> Settings:
    """``settings`` for one of several workers: where nothing is said, together they hash on as many threads as there
    are cores to be used, and each on one at least."""
    passwords = settings.passwords
    share = passwords.workers or max(1, cores() // workers)
    return replace(settings, passwords=replace(passwords, workers=share))
