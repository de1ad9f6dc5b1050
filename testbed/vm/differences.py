"""What differs between two snapshots of a machine; pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

Section = Mapping[str, str]

OWN_COURSE = (
    ("units of systemd", r"(apt-daily|dpkg-db-backup|e2scrub|fstrim|systemd-tmpfiles-clean).*"),
    ("units of systemd", r"(session|user|run-).*\.(scope|slice|service)"),
    ("processes", r"\(?(systemd|agetty|sleep|sd-pam|bash|python3)\)?"),
    ("folders", r"/var/log/(wtmp|lastlog|journal).*"),
)
"""Section and name of what a machine does by itself in an hour, whether or not we were there."""


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
    def own_course(self) -> bool:
        """Whether the machine does that by itself."""
        return any(
            section == self.section and re.fullmatch(pattern, self.name)
            for section, pattern in OWN_COURSE
        )

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
