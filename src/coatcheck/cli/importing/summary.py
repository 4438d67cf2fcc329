"""What an import says at its end."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from coatcheck.cli.importing.running import Outcome


def document_of(outcome: Outcome, known: tuple[str, ...], *, dry_run: bool) -> dict[str, Any]:
    """For programs. ``known`` are the imported schemes that the settings name."""
    progress = outcome.progress
    return {
        "import": progress.import_id,
        "dry_run": dry_run,
        "was_finished": outcome.was_finished,
        "read": progress.read,
        "imported": progress.imported,
        "made": outcome.made,
        "existing": progress.existing,
        "refused": progress.refused,
        "without_password": progress.without_password,
        "schemes": progress.schemes,
        "imported_schemes": _schemes(outcome, known),
        "errors": [fault._asdict() for fault in outcome.faults],
    }


def sentences_of(outcome: Outcome, known: tuple[str, ...], *, dry_run: bool, errors: Path | None) -> list[str]:
    """For people."""
    progress = outcome.progress
    if outcome.was_finished:
        said = [f"This was imported before: {_counted(progress.imported)} of {progress.read:,} records."]
        said.append("Nothing was done. --again goes through it once more.")
    else:
        before = progress.imported - outcome.made
        verb = "This would import" if dry_run else "Imported"
        known_ones = f", {before:,} of them before" if before else ""
        said = [f"{verb} {_counted(progress.imported)} of {progress.read:,} records{known_ones}."]
    if progress.existing:
        said.append(f"Not imported: {progress.existing:,} whose e-mail address is taken. Nothing was changed there.")
    if progress.refused:
        said.append(f"Not imported: {progress.refused:,} that are not acceptable.")
    if progress.errors and not outcome.was_finished:
        left = progress.errors - len(outcome.faults)
        if errors is not None:
            said.append(f"The reasons are in {errors}.")
        elif left > 0:
            said.append(f"{left:,} more reasons are not shown: --errors FILE takes them all.")
    if progress.without_password:
        said.append(f"Without a password: {_counted(progress.without_password)}; an administrator can set one.")
    if progress.schemes:
        said.append("Hashes that a login replaces: " + ", ".join(_each_counted(progress.schemes)) + ".")
    wanted = _schemes(outcome, known)
    if set(wanted) - set(known):
        said.append(
            "Until they are replaced the time of an answer tells whose account was imported. To make it equal, set\n"
            f"  COATCHECK_PASSWORDS_IMPORTED_SCHEMES='{','.join(wanted)}'\n"
            "Each login then does the work of every scheme named there."
        )
    return said


def warnings_of(outcome: Outcome) -> list[str]:
    """What has to be mended before these accounts can be used."""
    needs_bcrypt = any(scheme.startswith("bcrypt$") for scheme in outcome.progress.schemes)
    if needs_bcrypt and find_spec("bcrypt") is None:
        return ["bcrypt hashes can't be verified yet: run pip install 'coatcheck[import]' where logins are answered"]
    return []


def _schemes(outcome: Outcome, known: tuple[str, ...]) -> list[str]:
    """What the setting should be: what it is, and what was met here, the most frequent first."""
    return list(dict.fromkeys([*known, *(scheme for scheme, _ in _sorted(outcome.progress.schemes))]))


def _sorted(schemes: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(schemes.items(), key=lambda each: (-each[1], each[0]))


def _each_counted(schemes: dict[str, int]) -> list[str]:
    return [f"{scheme} ({count:,})" for scheme, count in _sorted(schemes)]


def _counted(count: int) -> str:
    return "1 account" if count == 1 else f"{count:,} accounts"
