"""What ``coatcheck doctor`` looks at inside a database that can be opened: keys, history, who is registered."""

from datetime import timedelta

from coatcheck.cli.doctor.check import Check
from coatcheck.cli.doctor.history import history
from coatcheck.clock import SystemClock, now_of
from coatcheck.errors import AuthError, Misconfigured
from coatcheck.model.key import KeyStatus
from coatcheck.model.subscriber import Registration
from coatcheck.settings import Settings
from coatcheck.stores.open import store_for
from coatcheck.stores.port import Store
from coatcheck.tokens.derivation import Secrets
from coatcheck.tokens.signers import Signers
from coatcheck.upkeep.secret_file import read_development_secret


async def examine_inside(settings: Settings) -> list[Check]:
    """Whether the secrets open the keys, the log has not gone back, and who is registered is heard of."""
    store = store_for(settings.database)
    try:
        await store.open()
        return [await _keys(settings, store), await history(settings, store), *await _subscribers(store)]
    except AuthError as fault:
        return [Check("store", "problem", fault.message, "See that nothing else holds the database, and its disk.")]
    finally:
        await store.close()


async def _keys(settings: Settings, store: Store) -> Check:
    keys = await store.read(lambda tx: tx.keys.all())
    if not keys:
        return Check("keys", "ok", "none yet; the first server to start makes them")
    try:
        given = settings.secrets or (read_development_secret(store.beside),)
        Signers(Secrets(given)).require_openable(keys)
    except Misconfigured as fault:
        return Check("keys", "problem", fault.message, "Give the secret that they were sealed under.")
    missing = {KeyStatus.CURRENT, KeyStatus.UPCOMING} - {key.status for key in keys}
    if missing:
        named = " and ".join(sorted(status.value for status in missing))
        return Check("keys", "warning", f"there is no {named} key", "A running server makes one; see that one runs.")
    current = next(key for key in keys if key.status is KeyStatus.CURRENT)
    return Check("keys", "ok", f"{len(keys)} valid; {current.kid} signs ({current.algorithm.value})")


async def _subscribers(store: Store) -> list[Check]:
    rows = await store.read_registry(lambda registry: registry.all())
    if not rows:
        return [Check("checkers", "ok", "none is registered: no server runs")]
    silent = [row for row in rows if _silence(row) > timedelta(milliseconds=4 * row.lease_ms)]
    if not silent:
        return [Check("checkers", "ok", f"{len(rows)} registered, all heard from")]
    names = ", ".join(f"{row.name} ({_silence(row).total_seconds():.0f} s)" for row in silent)
    return [
        Check(
            "checkers",
            "warning",
            f"{len(silent)} of {len(rows)} not heard from: {names}",
            "Those that died are forgotten within a minute; see whether the others still run.",
        )
    ]


def _silence(row: Registration) -> timedelta:
    return now_of(SystemClock()) - row.heard_at
