"""The limits of containers, from the files that kernels of both kinds show."""

from pathlib import Path

import pytest

from mattingd.system.cgroup import Limits, limits
from mattingd.workers import capacity

GB = 1 << 30
V2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
V1 = (
    "32 31 0:29 {top} /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct\n"
    "35 31 0:32 {top} /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
    "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n"
)


def machine(root: Path, mounts: str, groups: str, **files: str) -> Path:
    """Proc and sys as a kernel shows them; `files` lie below /sys/fs/cgroup."""
    told = {"proc/self/mountinfo": mounts, "proc/self/cgroup": groups}
    told |= {"sys/fs/cgroup/" + name: text for name, text in files.items()}
    for name, text in told.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n", encoding="utf-8")
    return root


def test_version_2_counts_every_level(tmp_path: Path) -> None:
    files = {
        "a/b/memory.max": str(8 * GB), "a/memory.max": str(2 * GB), "memory.max": "max",
        "a/b/cpu.max": "max 100000", "a/cpu.max": "150000 100000",
    }  # fmt: skip
    assert limits(machine(tmp_path, V2, "0::/a/b", **files)) == Limits(2 * GB, 1.5)


def test_inside_a_namespace_the_group_is_the_root(tmp_path: Path) -> None:
    files = {"memory.max": str(GB), "memory.high": str(GB // 2), "cpu.max": "50000 100000"}
    assert limits(machine(tmp_path, V2, "0::/", **files)) == Limits(GB // 2, 0.5)


@pytest.mark.parametrize("top", ["/", "/docker/4711"])
def test_version_1_with_and_without_the_container_s_own_mounts(tmp_path: Path, top: str) -> None:
    inner = "docker/4711/" if top == "/" else ""
    files = {
        f"memory/{inner}memory.limit_in_bytes": str(3 * GB),
        "memory/memory.limit_in_bytes": "9223372036854771712" if inner else str(3 * GB),
        f"cpu,cpuacct/{inner}cpu.cfs_quota_us": "400000",
        f"cpu,cpuacct/{inner}cpu.cfs_period_us": "100000",
    }
    groups = "4:memory:/docker/4711\n1:cpu,cpuacct:/docker/4711\n0::/"
    assert limits(machine(tmp_path, V1.format(top=top), groups, **files)) == Limits(3 * GB, 4.0)


def test_what_says_nothing_limits_nothing(tmp_path: Path) -> None:
    assert limits(tmp_path) == Limits()
    files = {"memory/memory.limit_in_bytes": "no number", "cpu,cpuacct/cpu.cfs_quota_us": "-1"}
    groups = "4:memory:/\n1:cpu,cpuacct:/\nnonsense"
    assert limits(machine(tmp_path, V1.format(top="/") + "nonsense\n", groups, **files)) == Limits()


def test_the_smaller_of_machine_and_group_counts() -> None:
    whole = capacity.memory(Limits())
    assert capacity.memory(Limits(memory=whole * 2)) == whole
    assert capacity.memory(Limits(memory=GB)) == GB
    everything = capacity.cores(Limits())
    assert capacity.cores(Limits(cores=everything + 3.5)) == everything
    assert capacity.cores(Limits(cores=0.3)) == 1
