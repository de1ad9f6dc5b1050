"""Files that are written in one step."""

import os
import tempfile
from pathlib import Path


def replace_file(path: Path, data: bytes) -> None:
    """Put `data` at `path` in one step: a reader, or a kill, never meets half a file.

    Raises:
        OSError: It could not be written, and names `path`; what was there is as before.
    """
    try:
        _replace(path, data)
    except OSError as error:
        error.filename = str(path)  # a full disk names no file, and the temporary one says nothing
        raise


def _replace(path: Path, data: bytes) -> None:
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as new:
        try:
            new.write(data)
            new.flush()
            # The temporary file is private to us; a report is for everybody who may read there.
            os.fchmod(new.fileno(), 0o644)
            Path(new.name).replace(path)
        except BaseException:
            Path(new.name).unlink(missing_ok=True)
            raise
