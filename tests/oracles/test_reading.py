"""Our readings of pages, selectors, paths, ports and variables, beside the real programs."""

import pytest

from testbed.cluster import binaries
from testbed.oracles.program import running
from testbed.oracles.reading.__main__ import SEED, disagreements
from testbed.oracles.reading.subjects import SUBJECTS, Subject

pytestmark = pytest.mark.oracle

CASES = 200


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.name)
def test_ours_and_the_real_program_agree(subject: Subject) -> None:
    with running(binaries.READING) as reader:
        apart, pairs = disagreements(subject, reader, SEED, CASES)
    assert apart == []
    assert pairs or subject.name == "paths"
