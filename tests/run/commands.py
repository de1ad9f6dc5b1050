"""kubectl commands as a report offers them: each has to be one that kubectl takes."""

import shlex
from collections.abc import Mapping
from typing import Final

_OF_ALL: Final = frozenset({"-n", "--namespace", "-A", "--all-namespaces"})
FLAGS: Final[Mapping[str, frozenset[str]]] = {
    "api-resources": frozenset({"--api-group"}),
    "auth can-i": _OF_ALL | {"--list"},
    "describe": _OF_ALL | {"-l"},
    "drain": frozenset({"--ignore-daemonsets", "--dry-run"}),
    "get": _OF_ALL
    | {"-l", "-o", "--field-selector", "--raw", "--show-labels", "--show-managed-fields"},
    "logs": _OF_ALL | {"-c", "--previous", "--tail"},
}
"""The commands that end by themselves and change nothing, with their flags (kubectl v1.35)."""
_WITH_VALUE: Final = frozenset({"-n", "--namespace", "-l", "-o", "--field-selector", "--raw", "-c"})


def mistakes_in(command: str) -> list[str]:
    """What kubectl would not take of a command; curl only has to name an address."""
    words = shlex.split(command)
    if words[:1] == ["curl"]:
        return [] if any("://" in word for word in words) else ["curl without an address"]
    if words[:1] != ["kubectl"]:
        return [f"{words[:1]} is neither kubectl nor curl"]
    rest, flags = [], []
    following = iter(words[1:])
    for word in following:
        if not word.startswith("-"):
            rest.append(word)
            continue
        name, _, given = word.partition("=")
        flags.append(name)
        if name in _WITH_VALUE and not given and not next(following, ""):
            return [f"{name} without a value"]
    verb = " ".join(rest[:2]) if rest[:1] == ["auth"] else "".join(rest[:1])
    if verb not in FLAGS:
        return [f"{verb!r} is not one of {sorted(FLAGS)}"]
    return [f"{verb} has no {name}" for name in flags if name not in FLAGS[verb]]
