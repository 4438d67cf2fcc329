"""What is left of a log when only the newest event of each session and user counts: the body of a snapshot (rule 4)."""

from collections.abc import Iterable

from coatcheck.authority import Snapshot
from coatcheck.errors import StoreUnavailable
from coatcheck.model.event import (
    EverythingEnded,
    Happening,
    Head,
    KeyAdded,
    KeyRevoked,
    SessionEnded,
    SessionRenewed,
    UserChanged,
)


def compact(
    newest_first: Iterable[tuple[int, Happening]], *, head: Head, keys: tuple[KeyAdded, ...], floor: int, limit: int
) -> Snapshot:
    """Walk the log backwards, in one pass that stops where nothing more can count.

    At most ``limit`` sessions and users are kept, the newest. The newest event that is left out raises the floor, so
    the walk may end there. Events of keys and of everything are in ``keys`` and ``head`` already.

    Raises StoreUnavailable at an event of a kind that this version does not know: a snapshot without it would say "yes"
    where somebody said "no" (rule 4).
    """
    ended: dict[str, int] = {}
    generations: dict[str, tuple[int, int]] = {}
    versions: dict[str, tuple[int, int]] = {}
    for seq, happening in newest_first:
        match happening:
            case SessionEnded(subject):
                is_known = subject in ended
            case SessionRenewed(subject):
                is_known = subject in generations or subject in ended
            case UserChanged(subject):
                is_known = subject in versions
            case EverythingEnded() | KeyAdded() | KeyRevoked():
                continue
            case _:
                raise StoreUnavailable("The log holds an event of a kind that this version does not know.")
        if is_known:
            continue
        if len(ended) + len(generations) + len(versions) >= limit:
            floor = max(floor, seq)
            break
        match happening:
            case SessionEnded():
                ended[subject] = seq
            case SessionRenewed(_, generation):
                generations[subject] = (generation, seq)
            case UserChanged(_, version):
                versions[subject] = (version, seq)
    return Snapshot(
        head=head,
        ended=tuple((subject, seq) for subject, seq in reversed(ended.items())),
        generations=tuple(
            (subject, least, seq) for subject, (least, seq) in reversed(generations.items()) if subject not in ended
        ),
        versions=tuple((subject, least, seq) for subject, (least, seq) in reversed(versions.items())),
        keys=keys,
        floor=floor,
    )
