"""Files that another program wrote."""

from pathlib import Path

from clusterproof.redact.redactor import Redactor


def clean_file(path: Path) -> None:
    """Take what has the shape of a secret out of a text file that is not written to any more."""
    text = path.read_text(encoding="utf-8", errors="backslashreplace")
    if (clean := Redactor().text(text)) != text:
        path.write_text(clean, encoding="utf-8")
