"""WHO TRUSTS US?  ``Verifier``: what another service installs to check our credentials, with no access to the database.

    from coatcheck.verify import Verifier

    verifier = Verifier("https://auth.example.com", audience="orders", credential=secret)
    principal = verifier.check(token)

It is the same checker as in ``Auth``, over another authority: the server, which it asks over HTTPS what was revoked. A
check is a look into this process's memory; what was revoked a moment ago is refused.
"""

from coatcheck.verify.state import State
from coatcheck.verify.verifier import Verifier

__all__ = ["State", "Verifier"]
