"""The Go program that answers as Kubernetes decides (testbed/binaries/oracle)."""

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from testbed.cluster import binaries

Json = dict[str, Any]


class Oracle:
    """A running program: one question, one answer."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        """Ask this process."""
        self._process = process
        self._lock = threading.Lock()

    def ask(self, question: str, **parts: Any) -> Json:  # noqa: ANN401 - raw JSON
        """What Kubernetes says.

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


@contextmanager
def running(program: Path | None = None) -> Iterator[Oracle]:
    """The program, built first where the cache lacks it."""
    if program is None:
        binaries.ensure(print, (binaries.ORACLE,))
        program = binaries.program(binaries.ORACLE.name)
    with subprocess.Popen(
        [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Oracle(process)
        finally:
            process.terminate()
