"""Rows for tests, from their fields beside the common ones."""

from typing import Any

from clusterproof.checks import rows


def row(check: str, **fields: Any) -> Any:  # noqa: ANN401 - any row, by its fields
    """A row of kind `check`; the common fields are filled in."""
    common = {
        "id": "a-row",
        "area": "workloads",
        "claim": "it is as it should be",
        "source": "the test",
        "check": check,
    }
    return rows().adapter.validate_python(common | fields)
