"""Servers that ask so seldom that what they know within a test they were told."""

from datetime import timedelta
from typing import Final

from coatcheck import Auth, Settings
from coatcheck.settings import RevocationSettings
from coatcheck.testing import fast_passwords

SECRET: Final = "a secret of this test, longer than thirty-two characters"
SELDOM: Final = RevocationSettings(lease=timedelta(seconds=50))
"""A sync every ten seconds."""


def an_auth(url: str, name: str | None = None) -> Auth:
    """A server over this database."""
    settings = Settings(database=url, secrets=(SECRET,), passwords=fast_passwords(), revocation=SELDOM)
    return Auth(settings, name=name)
