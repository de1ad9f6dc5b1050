"""The figures of a comparison, in docs/ORACLES.md."""

import time
from dataclasses import dataclass
from pathlib import Path

from testbed.oracles.kubeconfig.draw import Tally

_BEGIN, _END = "<!-- figure: oracle-kubeconfig -->", "<!-- end of figure -->"


@dataclass(frozen=True)
class Figures:
    """What one run came to."""

    cases: int
    seed: int
    asked: int
    disagreements: int
    tally: Tally
    seconds: float
    mutants: int | None
    survivors: list[str]

    def sentence(self) -> str:
        """All of it in a line."""
        return (
            f"{self.cases} cases, {self.disagreements} disagreements: {self.asked} ask an API"
            f" server, {self.cases - self.asked} are refused by both; {self.seconds:.0f} s"
        )

    def table(self) -> str:
        """All of it, as the page has it."""
        features, all_features = self.tally.feature_pairs
        rows = [
            ("date", time.strftime("%Y-%m-%d", time.gmtime())),
            (
                "command",
                f"`make oracle-kubeconfig CASES={self.cases} SEED_OF_CASES={self.seed}"
                f"{' MUTANTS=1' if self.mutants else ''}`",
            ),
            ("cases", str(self.cases)),
            ("disagreements", str(self.disagreements)),
            ("an API server was asked by both", str(self.asked)),
            ("refused by both", str(self.cases - self.asked - self.disagreements)),
            ("options covered", f"{len(self.tally.chosen)} of {len(self.tally.options)}"),
            ("pairs of features, unusual in one case", f"{features} of {all_features}"),
            ("pairs of unusual options in one case", str(len(self.tally.pairs))),
        ]
        if self.mutants is not None:
            killed = self.mutants - len(self.survivors)
            rows.append(("spoilt rules found out", f"{killed} of {self.mutants}"))
        rows.append(("time", f"{self.seconds:.0f} s"))
        return "\n".join(["| | |", "|---|---|", *(f"| {name} | {text} |" for name, text in rows)])


def write(path: Path, figures: Figures) -> None:
    """Put the figures in their place on the page."""
    text = path.read_text(encoding="utf-8")
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    path.write_text(f"{before}{_BEGIN}\n{figures.table()}\n{_END}{after}", encoding="utf-8")
