"""What differs between two snapshots of a machine; pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

Section = Mapping[str, str]

TIMERS = "a timer of the system's"
SESSIONS = "a session, or a command that was run"
OWN_COURSE = (
    (
        "units of systemd",
        r"(apt-daily|dpkg-db-backup|e2scrub|fstrim|systemd-tmpfiles-clean).*",
        TIMERS,
    ),
    ("units of systemd", r"(session|user|run-).*\.(scope|slice|service)", SESSIONS),
    ("processes", r"\(?(systemd|agetty|sleep|sd-pam|bash|python3)\)?", SESSIONS),
    ("folders", r"/var/log/(wtmp|lastlog|journal).*", "the system's log"),
    (
        "folders",
        r"/tmp/uv-[0-9a-f]{16}\.lock",  # noqa: S108 - where uv puts it
        "empty; uv's own, by which two of its runs in one project wait for each other: to remove"
        " it would be unsafe, and no setting of uv moves it",
    ),
)
"""Section, name and reason of what a machine and its tools leave by themselves.

uv: https://github.com/astral-sh/uv/issues/11878 and 10773. It puts the file into the folder for
temporary files, and follows TMPDIR, which would reach every program that `uv run` starts.
"""


@dataclass(frozen=True, slots=True)
class Difference:
    """One name that differs.

    Attributes:
        section: Of the snapshot.
        name: What it is.
        before: As it was, None when it was not there.
        after: As it is, None when it is gone.
    """

    section: str
    name: str
    before: str | None
    after: str | None

    @property
    def own_course(self) -> str:
        """Why the machine, or a tool of it, does that by itself; "" when it does not."""
        if self.section == "control groups" and self.after is None:
            return "a program of the machine's ended, and its group with it"
        for section, pattern, reason in OWN_COURSE:
            if section == self.section and re.fullmatch(pattern, self.name):
                return reason
        return ""

    def __str__(self) -> str:
        """In one line."""
        if self.before is None:
            return f"{self.section}: new: {self.name} {self.after}".rstrip()
        if self.after is None:
            return f"{self.section}: gone: {self.name} {self.before}".rstrip()
        return f"{self.section}: {self.name}: {self.before} is now {self.after}"


def differences(
    before: Mapping[str, Section], after: Mapping[str, Section]
) -> tuple[Difference, ...]:
    """Every name that is new, gone or changed.

    A kernel parameter that came with a module is the module's difference, and none of its own.
    """
    return tuple(
        Difference(section, name, then.get(name), now.get(name))
        for section in sorted(before.keys() | after.keys())
        for then, now in [(before.get(section, {}), after.get(section, {}))]
        for name in sorted(then.keys() | now.keys())
        if then.get(name) != now.get(name)
        and not (section == "kernel parameters" and name not in then)
    )
