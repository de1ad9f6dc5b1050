"""What is mounted on this machine."""

import re
from collections.abc import Collection
from pathlib import Path


def mount_points(folders: Collection[Path]) -> list[Path]:
    """Where something is mounted, at one of these folders or under it; the deepest first.

    Source: proc_pid_mounts(5): blanks and the like stand there as a backslash and octal digits.
    """
    points = [
        Path(re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), line.split()[1]))
        for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    ]
    inside = [point for point in points if any(point.is_relative_to(each) for each in folders)]
    return sorted(inside, key=lambda point: -len(point.parts))
