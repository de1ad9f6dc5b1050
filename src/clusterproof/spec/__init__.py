"""The spec: expected state as data. Only this package reads spec files."""

from clusterproof.spec.reading import Spec, renamed
from clusterproof.spec.row import Area, Expectation, ObjectRef, Row
from clusterproof.spec.settings import Settings

__all__ = ["Area", "Expectation", "ObjectRef", "Row", "Settings", "Spec", "renamed"]
