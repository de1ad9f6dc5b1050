"""Where the command begins: `verify` and `plan` load nothing that they do not need."""

import sys
from collections.abc import Sequence
from types import TracebackType

from clusterproof import verify
from clusterproof.outcome import ExitCode


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand.

    Returns:
        The process exit code: see `ExitCode`.
    """
    sys.excepthook = _say_uncaught
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        if arguments and arguments[0] in verify.COMMANDS:
            return verify.main(arguments)
        from clusterproof.cli import main as rest  # noqa: PLC0415 - loads every other command

        return rest(arguments)
    except KeyboardInterrupt:
        sys.stderr.write("clusterproof: interrupted\n")
        return ExitCode.INTERRUPTED


def _say_uncaught(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    from clusterproof.redact.errors import say_uncaught  # noqa: PLC0415 - only to say an error

    say_uncaught(kind, error, trace)
