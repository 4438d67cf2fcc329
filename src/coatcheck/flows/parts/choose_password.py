"""A new password is taken: by who registers, by who changes it, by an administrator for somebody."""

from coatcheck.flows.parts.means import Means
from coatcheck.model.client import Client
from coatcheck.passwords.policy import check_new, prepare


async def choose_password(
    means: Means,
    password: str,
    *,
    email: str,
    name: str,
    client: Client,
    field: str = "password",
    familiar: bool = False,
) -> str:
    """Check a new password and return its hash.

    It must not consist of the person's and the site's own words (OWASP ASVS 6.2.11). ``familiar`` is for somebody who
    has proven the current one. Raises PasswordWeak, RequestInvalid naming ``field``, LoginBusy.
    """
    prepared = prepare(password, field=field)
    check_new(prepared, means.settings.passwords, about=(name, email, means.settings.web.site_name))
    return await means.pool.run(means.hasher.hash, prepared, address=client.address, familiar=familiar)
