"""The list of common passwords (OWASP ASVS 6.2.4: at least the top 3000 that fit the policy).

``commonest.txt.gz`` holds the 11,611 passwords of eight characters or more among the 30,000 most frequent ones of the
package zxcvbn 4.5.0, most frequent first, lower case. Licence: MIT, in ``commonest.LICENSE.txt``. It was made by::

    pip install zxcvbn==4.5.0
    python - <<'END'
    import gzip, pathlib
    from zxcvbn.frequency_lists import FREQUENCY_LISTS
    lines = [password for password in FREQUENCY_LISTS["passwords"] if len(password) >= 8]
    pathlib.Path("commonest.txt.gz").write_bytes(gzip.compress("\\n".join(lines).encode(), 9, mtime=0))
    END

Lists of what people chose hold few long passwords (31 of 15 characters or more). So the policy also refuses an entry
with digits and punctuation around it, repetitions, and walks along the keyboard, which the long common ones are.
"""

import gzip
from functools import cache
from importlib.resources import files
from typing import Final

LONGEST_COMMON: Final = 20
"""Characters of the longest entry."""


def is_common(password: str) -> bool:
    """True when ``password``, case-folded by the caller, is on the list."""
    return password in _commonest()


@cache
def _commonest() -> frozenset[str]:
    packed = files("coatcheck.passwords").joinpath("commonest.txt.gz").read_bytes()
    return frozenset(gzip.decompress(packed).decode().split("\n"))
