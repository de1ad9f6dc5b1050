"""The Go program that reads as the real ones do (testbed/binaries/reading)."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from testbed.cluster import binaries

Json = dict[str, Any]


class Reader:
    """A running program: one question, one answer."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        """Ask this process."""
        self._process = process

    def ask(self, question: str, **parts: Any) -> Json:  # noqa: ANN401 - raw JSON
        """What the real program says; `refused` where it takes no such text.

        Raises:
            ValueError: The question itself could not be read.
        """
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise ValueError("the program was started without pipes")
        stdin.write(json.dumps({"ask": question, **parts}) + "\n")
        stdin.flush()
        answer: Json = json.loads(stdout.readline())
        if "error" in answer:
            raise ValueError(f"{question}: {answer['error']}")
        return answer


@contextmanager
def running(program: Path | None = None) -> Iterator[Reader]:
    """The program, built first where the cache lacks it."""
    if program is None:
        binaries.ensure(print, (binaries.READING,))
        program = binaries.program(binaries.READING.name)
    with subprocess.Popen(
        [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Reader(process)
        finally:
            process.terminate()
