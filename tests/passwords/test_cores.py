"""How many cores a process may use, where it may use fewer than there are."""

import os
from pathlib import Path

import pytest

from coatcheck.passwords.cores import cores


@pytest.fixture(autouse=True)
def thirty_two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(32)))


def machine(folder: Path, groups: str, files: dict[str, str]) -> Path:
    """A root with what the kernel says of control groups."""
    for name, text in {"proc/self/cgroup": groups, **files}.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n")
    return folder


def test_without_a_limit_there_are_as_many_as_the_process_is_bound_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cores(tmp_path) == 32
    assert cores(machine(tmp_path, "0::/", {"sys/fs/cgroup/cpu.max": "max 100000"})) == 32
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {4, 9})
    assert cores(tmp_path) == 2


@pytest.mark.parametrize(
    ("groups", "files", "expected"),
    [
        ("0::/", {"cpu.max": "200000 100000"}, 2),
        ("0::/", {"cpu.max": "350000 100000"}, 3),
        ("0::/", {"cpu.max": "50000 100000"}, 1),
        ("0::/a/b", {"a/b/cpu.max": "max 100000", "a/cpu.max": "400000 100000"}, 4),
        ("0::/a/b", {"a/b/cpu.max": "300000 100000", "a/cpu.max": "400000 100000"}, 3),
        ("2:cpu,cpuacct:/a", {"cpu/a/cpu.cfs_quota_us": "200000", "cpu/a/cpu.cfs_period_us": "100000"}, 2),
        ("2:cpu,cpuacct:/a", {"cpu/a/cpu.cfs_quota_us": "-1", "cpu/a/cpu.cfs_period_us": "100000"}, 32),
        ("2:cpu:/of/the/host", {"cpu/cpu.cfs_quota_us": "600000", "cpu/cpu.cfs_period_us": "100000"}, 6),
        ("2:cpu:/", {"cpu/cpu.cfs_quota_us": "100000", "cpu/cpu.cfs_period_us": "0"}, 32),
        ("0::/", {"cpu.max": "nonsense"}, 32),
    ],
)
def test_a_quota_of_a_control_group_or_of_one_around_it_is_a_limit(
    tmp_path: Path, groups: str, files: dict[str, str], expected: int
) -> None:
    root = machine(tmp_path, groups, {f"sys/fs/cgroup/{name}": text for name, text in files.items()})
    assert cores(root) == expected
