"""The colours of every page, for light and for dark; a test holds them to a contrast of 4.5."""

from types import MappingProxyType
from typing import Final

LIGHT: Final = MappingProxyType(
    {
        "paper": "#fdfdfb",
        "panel": "#f4f4f0",
        "ink": "#1b1c1e",
        "muted": "#595c61",
        "rule": "#dbdbd4",
        "link": "#1d4e8f",
        "failed": "#a61f19",
        "failed-soft": "#fbecea",
        "inconclusive": "#774d00",
        "inconclusive-soft": "#faf0da",
        "passed": "#1c6838",
        "passed-soft": "#e7f3ea",
        "passed-bar": "#5a9c74",
        "not-run": "#595c61",
        "not-run-soft": "#ececea",
        "accepted": "#5b3f91",
        "accepted-soft": "#efeaf8",
    }
)

DARK: Final = MappingProxyType(
    {
        "paper": "#141517",
        "panel": "#1c1e21",
        "ink": "#e9e9e5",
        "muted": "#a5a9af",
        "rule": "#34373c",
        "link": "#93bbf2",
        "failed": "#ff938a",
        "failed-soft": "#381b1a",
        "inconclusive": "#e6b459",
        "inconclusive-soft": "#30260f",
        "passed": "#7cc998",
        "passed-soft": "#15281c",
        "passed-bar": "#4c8a65",
        "not-run": "#a5a9af",
        "not-run-soft": "#2a2c30",
        "accepted": "#c3aaf0",
        "accepted-soft": "#272038",
    }
)

_OUTCOMES: Final = ("failed", "inconclusive", "passed", "not-run", "accepted")

PAIRS: Final = (
    *((text, back) for text in ("ink", "muted", "link") for back in ("paper", "panel")),
    *((f"{name}", "paper") for name in _OUTCOMES),
    *((f"{name}", "panel") for name in _OUTCOMES),
    *((f"{name}", f"{name}-soft") for name in _OUTCOMES),
    *(("ink", f"{name}-soft") for name in _OUTCOMES),
    *(("muted", f"{name}-soft") for name in _OUTCOMES),
)
"""Each text colour with a ground that it may stand on."""


BARS: Final = tuple(
    (f"{name}", "paper") for name in ("failed", "inconclusive", "accepted", "passed-bar")
)
"""Fills with their ground: a contrast of 3 is enough for what is no text. Passes are quieter than
the rest, as a reader looks for the rest."""


def variables() -> str:
    """The palette as CSS custom properties, dark by the reader's own setting."""
    light = "".join(f"--{name}:{colour};" for name, colour in LIGHT.items())
    dark = "".join(f"--{name}:{colour};" for name, colour in DARK.items())
    return (
        f":root{{color-scheme:light dark;{light}}}\n"
        f"@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}"
    )
