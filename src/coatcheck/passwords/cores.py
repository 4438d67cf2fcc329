"""How many cores this process may use: fewer than the machine has, in a container or where it was bound to some."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path


def cores(root: Path = Path("/")) -> int:
    """What its affinity and the CPU quotas of its control groups leave to this process, whole cores, at least one.

    A quota counts all threads, whatever their priority: whoever uses it up is halted, with everything else in the
    group. So half a core more is none. (Linux, cgroup-v2 "cpu.max", and cgroup-v1 "cpu.cfs_quota_us".)
    """
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, int(min([bound, *_quotas(root)])))


def _quotas(root: Path) -> Iterator[float]:
    """The quota of each control group around this process that has one, in cores."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:  # no Linux, or nobody may look
        return
    mounted = root / "sys/fs/cgroup"
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            yield from _along(mounted, path, _unified)
        elif "cpu" in controllers.split(","):
            yield from _along(mounted / "cpu", path, _by_controller)


def _along(mounted: Path, path: str, quota: Callable[[Path], float]) -> Iterator[float]:
    """The quotas of a group and of all around it. In a container the path may be the host's, and only the outermost
    group is to be seen, which then is its own."""
    group = mounted / path.strip("/")
    for each in (group, *group.parents):
        with suppress(OSError, ValueError, ZeroDivisionError):
            yield quota(each)
        if each == mounted:
            return


def _unified(group: Path) -> float:
    limit, period = (group / "cpu.max").read_text().split()
    return int(limit) / int(period)  # "max" is no number


def _by_controller(group: Path) -> float:
    limit = int((group / "cpu.cfs_quota_us").read_text())
    if limit < 0:
        raise ValueError("no quota")
    return limit / int((group / "cpu.cfs_period_us").read_text())
