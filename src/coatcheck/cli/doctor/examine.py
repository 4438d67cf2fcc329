"""What ``coatcheck doctor`` looks at. Nothing here changes anything: no table is made, no key, no file."""

import asyncio
import os
import shutil
import sqlite3
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from coatcheck.cli.database import ABSENT, CURRENT, Sight, look, require_not_lost
from coatcheck.cli.doctor.check import Check
from coatcheck.cli.environment import settings_from
from coatcheck.cli.knobs import knobs
from coatcheck.errors import AuthError, Misconfigured
from coatcheck.settings import Settings
from coatcheck.stores.place import is_memory, path_of, place_of
from coatcheck.upkeep.denial_file import read_denials
from coatcheck.web.addresses import ClientAddresses

_WAL_RESET_FIXED: Final = (3, 51, 3)
_LITTLE_SPACE: Final = 256 * 1024 * 1024
_COMPANIONS: Final = ("", "-wal", "-shm", "-witness", "-subscribers", "-subscribers-wal")
_MENDS: Final[Mapping[str, str]] = {
    "of an older version": "Run `coatcheck schema upgrade`.",
    "of a version too new": "Use the version of Coatcheck that has made them.",
    "being filled": "Give the same `coatcheck copy` again.",
}
"""What helps against tables that can't be used."""


def examine(environment: Mapping[str, str]) -> list[Check]:
    """Look at everything."""
    try:
        settings = settings_from(environment)
    except Misconfigured as fault:
        return [
            Check("settings", "problem", fault.message, "Correct it; `coatcheck doctor --settings` lists them all.")
        ]
    return [
        *_configuration(settings),
        *_secret_file(environment.get("COATCHECK_SECRETS_FILE")),
        *_files(settings),
        *_local_switch(settings),
        *_store(settings),
        *_cache(settings),
    ]


def _configuration(settings: Settings) -> Iterator[Check]:
    changed = sum(knob.is_changed for knob in knobs(settings))
    yield Check("settings", "ok", f"{changed} of {sum(1 for _ in knobs(settings))} differ from their defaults")
    yield from _secrets(settings)
    if settings.is_local:
        yield Check(
            "url",
            "warning",
            f"{settings.url} is for development on this machine",
            "In production set COATCHECK_URL=https://… to where people reach it.",
        )
    else:
        yield Check("url", "ok", settings.url)
    yield _proxies(settings)
    for knob in knobs(settings):
        if knob.place.rpartition(".")[2].startswith("insecure_") and knob.is_changed:
            yield Check(
                "insecure", "warning", f"{knob.variable} = {knob.value}: {knob.says}", f"Unset {knob.variable}."
            )
    if settings.revocation.policy == "accept":
        yield Check(
            "policy",
            "warning",
            "without a lease this accepts what may have been ended, for up to "
            f"{settings.revocation.accept_for}; every receipt names it as not bound",
            "Unset COATCHECK_REVOCATION_POLICY unless availability matters more.",
        )


def _secrets(settings: Settings) -> Iterator[Check]:
    from coatcheck.tokens.known_secrets import is_known

    make = "Make one with `coatcheck keys secret` and name its file in COATCHECK_SECRETS_FILE."
    if any(map(is_known, settings.secrets)):
        yield Check("secret", "problem", "it is on a list of published secrets", make)
    elif settings.secrets:
        more = f", and {len(settings.secrets) - 1} that still open what is old" if len(settings.secrets) > 1 else ""
        yield Check("secret", "ok", f"given{more}")
    elif not settings.is_local or settings.is_shared:
        needs = "production needs one" if not settings.is_local else "all servers of a PostgreSQL need the same"
        yield Check("secret", "problem", f"none is given, and {needs}", make)
    elif is_memory(settings.database):
        yield Check("secret", "ok", "made anew at each start, as the store is")
    else:
        yield Check("secret", "ok", "kept beside the database, for development")


def _secret_file(named: str | None) -> Iterator[Check]:
    if named is None:
        return
    mode = stat.S_IMODE(Path(named).stat().st_mode)
    if mode & 0o022:
        yield Check("secret file", "problem", f"others may write to {named}", f"chmod go-w,o-r {named}")
    elif mode & stat.S_IROTH:
        yield Check("secret file", "warning", f"every user of this machine can read {named}", f"chmod o-r {named}")
    else:
        yield Check("secret file", "ok", f"{named}, not for everybody to read")


def _proxies(settings: Settings) -> Check:
    networks = settings.web.trusted_proxies
    try:
        ClientAddresses(networks)
    except Misconfigured as fault:
        return Check("proxy", "problem", fault.message, "Write networks like 10.0.0.10/32, with commas between them.")
    if any(network.endswith("/0") for network in networks):
        return Check(
            "proxy",
            "problem",
            "every address is trusted, so anybody can claim to be anybody",
            "Name only your proxies' network in COATCHECK_WEB_TRUSTED_PROXIES.",
        )
    if not networks and not settings.is_local:
        return Check(
            "proxy",
            "warning",
            "none is named, so `coatcheck serve` starts only with --tls-cert and --tls-key",
            "Behind a proxy, name its network in COATCHECK_WEB_TRUSTED_PROXIES.",
        )
    return Check("proxy", "ok", ", ".join(networks) or "none; the peer's address is the client's")


def _files(settings: Settings) -> Iterator[Check]:
    path = path_of(settings.database)
    if path is None:
        return
    if not path.parent.is_dir():
        yield Check("files", "problem", f"the folder {path.parent} is not there", f"mkdir -m 700 {path.parent}")
        return
    wrong = [each for each in _companions(path) if stat.S_IMODE(each.stat().st_mode) & 0o077]
    if wrong:
        names = " ".join(map(str, wrong))
        yield Check("files", "problem", f"others may read or write {names}", f"chmod 600 {names}")
    elif path.parent.stat().st_mode & 0o002 and not path.parent.stat().st_mode & stat.S_ISVTX:
        yield Check("files", "problem", f"everybody may put files into {path.parent}", f"chmod o-w {path.parent}")
    elif not os.access(path.parent, os.W_OK) or (path.exists() and not os.access(path, os.W_OK)):
        yield Check("files", "problem", f"{path} can't be written to", "Run as the user that the servers run as.")
    else:
        yield Check("files", "ok", f"in {path.parent}, for their owner only")
    free = shutil.disk_usage(path.parent).free
    if free < _LITTLE_SPACE:
        yield Check(
            "disk", "problem", f"{free // 2**20} MiB are left; when it is full nothing can be ended", "Make room."
        )
    yield _sqlite()


def _local_switch(settings: Settings) -> Iterator[Check]:
    path = path_of(settings.database)
    file = settings.deny_list(None if path is None else str(path))
    if file is None and settings.is_shared:
        yield Check(
            "local switch",
            "warning",
            "no file is named for `coatcheck incident deny`: while nothing can be written, only SIGUSR1 refuses, and "
            "everything",
            "Name one in COATCHECK_REVOCATION_DENY_LIST, such as /run/coatcheck-deny, and restart the servers.",
        )
    denied = read_denials(file)
    if denied:
        what = denied.trouble or ("everything" if denied.everything else f"what {file} lists")
        yield Check(
            "local switch",
            "problem" if denied.trouble else "warning",
            f"everything is refused here: {what}" if denied.trouble else f"{what} is refused here for now",
            "See `coatcheck incident denied`; lift it with `coatcheck incident allow`.",
        )


def _companions(path: Path) -> list[Path]:
    beside = [path.with_name(path.name + ending) for ending in (*_COMPANIONS, "-secret")]
    return [each for each in beside if each.exists()]


def _sqlite() -> Check:
    version = sqlite3.sqlite_version
    if sqlite3.sqlite_version_info >= _WAL_RESET_FIXED:
        return Check("SQLite", "ok", version)
    return Check("SQLite", "ok", f"{version}; its WAL-reset bug (fixed in 3.51.3) can't happen under our file lock")


def _cache(settings: Settings) -> Iterator[Check]:
    if settings.cache:
        from coatcheck.cli.doctor.cache import examine_cache

        yield from examine_cache(settings.cache)


def _store(settings: Settings) -> Iterator[Check]:
    try:
        place_of(settings.database)
    except Misconfigured as fault:
        yield Check("database", "problem", fault.message, "Correct COATCHECK_DATABASE_URL.")
        return
    try:
        sight = look(settings.database)
    except Misconfigured as fault:
        mend = (
            "Name PostgreSQL itself in COATCHECK_DATABASE_URL, or change the pooler."
            if settings.is_shared
            else "Set COATCHECK_DATABASE_URL to where it was copied to."
        )
        yield Check("database", "problem", fault.message, mend)
        return
    except AuthError as fault:
        mend = (
            "See that it runs, and that COATCHECK_DATABASE_URL is right."
            if settings.is_shared
            else "See that the file is whole, or restore a backup."
        )
        yield Check("database", "problem", fault.message, mend)
        return
    if sight.state == ABSENT:
        yield _absent(settings, sight)
    elif sight.state in _MENDS:
        yield Check("database", "problem", f"the tables of {sight.place} are {sight.state}", _MENDS[sight.state])
    elif is_memory(settings.database):
        yield Check("database", "ok", "in memory: everything is gone when the process ends")
    else:
        yield Check("database", "ok", f"{sight.place}, its log ends at {sight.position}")
        if sight.state != CURRENT:
            yield Check("tables", "warning", f"they are {sight.state}, which this one works with", "Update this one.")
        if settings.is_shared:
            from coatcheck.cli.doctor.postgres import postgres

            yield from postgres(settings)
        from coatcheck.cli.doctor.inside import examine_inside

        yield from asyncio.run(examine_inside(settings))


def _absent(settings: Settings, sight: Sight) -> Check:
    try:
        require_not_lost(settings)
    except Misconfigured as fault:
        mend = "Whatever is put back from a backup needs `coatcheck schema restored` then."
        return Check("database", "problem", fault.message, mend)
    return Check("database", "ok", f"{sight.place} is {ABSENT}; the first start makes it")
