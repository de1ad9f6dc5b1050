"""The spec: expected state as data. Only this package reads spec files."""

from clusterproof.spec.reading import KINDS, AnyRow, Spec, json_schema, read_spec, renamed
from clusterproof.spec.row import Area, Expectation, ObjectRef, Row
from clusterproof.spec.settings import Settings

__all__ = [
    "KINDS",
    "AnyRow",
    "Area",
    "Expectation",
    "ObjectRef",
    "Row",
    "Settings",
    "Spec",
    "json_schema",
    "read_spec",
    "renamed",
]
