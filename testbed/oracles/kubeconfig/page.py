"""The figures of a comparison, as docs/ORACLES.md has them."""

from dataclasses import dataclass

from testbed.oracles.kubeconfig.draw import Tally


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
        """The rows of its table, one a line."""
        features, all_features = self.tally.feature_pairs
        rows = [
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
            rows.append(("spoilt rules that a case notices", f"{killed} of {self.mutants}"))
        return "".join(f"| {name} | {text} |\n" for name, text in rows)
