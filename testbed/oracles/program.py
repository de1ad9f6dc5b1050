"""A Go program under testbed/binaries that answers questions: JSON lines in, JSON lines out."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from testbed.cluster import binaries
from testbed.cluster.binaries import Family

Json = dict[str, Any]


class Program:
    """A running program. Safe to share between threads."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        """Ask this process."""
        self._process = process
        self._lock = threading.Lock()

    def ask(self, question: str, **parts: Any) -> Json:  # noqa: ANN401 - raw JSON
        """Its answer.

        Raises:
            ValueError: The program could not read the question: the case is no valid object.
        """
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise ValueError("the program was started without pipes")
        with self._lock:
            stdin.write(json.dumps({"ask": question, **parts}) + "\n")
            stdin.flush()
            line = stdout.readline()
        answer: Json = json.loads(line)
        if "error" in answer:
            raise ValueError(f"{question}: {answer['error']}")
        return answer


def say(line: str) -> None:
    """Write a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


@contextmanager
def running(family: Family, path: Path | None = None) -> Iterator[Program]:
    """The program of `family`, built first where the cache lacks it; or the one at `path`."""
    if path is None:
        binaries.ensure(print, (family,))
        path = binaries.program(family.name)
    with subprocess.Popen(
        [path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Program(process)
        finally:
            process.terminate()
