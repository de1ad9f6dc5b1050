"""The only place that words a finding.

row: expected x, observed y
  where     namespace/object
  evidence  figures
  source    file:line, clause of the contract
  next      a read-only command, ready to paste
"""

from clusterproof.judge import Difference, differences, expectation_of
from clusterproof.observe import Observed
from clusterproof.spec.row import Row


def explain(rule: Row, observed: Observed[object]) -> str:
    """What differs, for the assertion of a check; all differences of the row."""
    found = differences(rule, observed.value)
    return "\n".join([headline(rule, found), *details(rule, observed, found)])


def headline(rule: Row, found: tuple[Difference, ...]) -> str:
    """The row, what was expected and what was observed, in one line."""
    if not found:
        return f"{rule.id}: as expected: {rule.claim}"
    first = found[0]
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return f"{rule.id}: {first}{more}"


def details(rule: Row, observed: Observed[object], found: tuple[Difference, ...]) -> list[str]:
    """The lines under a headline."""
    lines = [f"claim     {rule.claim}", f"where     {observed.where}"]
    lines += [f"differs   {one}" for one in found[1:]]
    lines += [f"evidence  {one}" for one in observed.evidence]
    lines += [f"looked    {observed.how}", f"source    {rule.source}"]
    if rule.because:
        lines.append(f"because   {rule.because}")
    if observed.next_command:
        lines.append(f"next      {observed.next_command}")
    return [f"  {line}" for line in lines]


def summary(rule: Row, found: tuple[Difference, ...]) -> tuple[str, str]:
    """Expected and observed, each in one line, for a table."""
    expected = found[0].expected if found else expectation_of(rule)
    seen = "; ".join(f"{one.what} {one.observed}" for one in found) if found else "as expected"
    return expected, seen
