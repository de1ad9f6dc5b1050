"""A finding in one text, so that a test shows all of it."""

from clusterproof.load.finding import Finding


def said(finding: Finding) -> str:
    """Outcome, id and link, what was expected and observed, and each sentence of the evidence."""
    lines = [
        f"{finding.outcome}: {finding.id} of {finding.link}",
        f"expected {finding.expected}",
        f"observed {finding.observed}",
        *finding.evidence,
    ]
    return "\n".join(lines)
