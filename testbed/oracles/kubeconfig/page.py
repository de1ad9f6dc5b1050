"""The figures of a comparison, as docs/ORACLES.md has them."""

from dataclasses import dataclass

from testbed.oracles.kubeconfig.draw import Tally, all_pairs, every_option

_OFTEN = 30


@dataclass(frozen=True)
class Figures:
    """What one run came to."""

    sets: int
    decisions: int
    disagreements: int
    looked_at: int
    asked: int
    refused: int
    tally: Tally
    seconds: float
    mutants: int | None
    survivors: list[str]

    def sentence(self) -> str:
        """All of it in a line."""
        return (
            f"{self.sets} sets, {self.decisions} decisions, {self.disagreements} disagreements;"
            f" {self.seconds:.0f} s"
        )

    def table(self) -> str:
        """The rows of its table, one a line."""
        tally = self.tally
        rarest, count = tally.rarest()
        rows = [
            ("sets of files", str(self.sets)),
            ("decisions", str(self.decisions)),
            ("disagreements", str(self.disagreements)),
            ("contexts merged or asked with", str(self.looked_at)),
            ("an API server was asked", str(self.asked)),
            ("refused", str(self.refused)),
            ("options covered", f"{len(tally.chosen)} of {len(every_option())}"),
            (
                f"pairs of features, odd together in {_OFTEN} requests or more",
                f"{tally.pairs_in(_OFTEN)} of {len(all_pairs())}",
            ),
            ("the rarest pair", f"{' and '.join(rarest)}, in {count}"),
            ("seconds", f"{self.seconds:.0f}"),
        ]
        if self.mutants is not None:
            killed = self.mutants - len(self.survivors)
            rows.append(("spoilt rules that a set notices", f"{killed} of {self.mutants}"))
        return "".join(f"| {name} | {text} |\n" for name, text in rows)
