"""200 cases of each subject, put to the programs that read what we read, where Go is there."""

import pytest

from testbed.cluster import binaries
from testbed.oracles.reading.__main__ import SEED, disagreements
from testbed.oracles.reading.program import running
from testbed.oracles.reading.subjects import SUBJECTS, Subject

BUILT = not binaries.missing((binaries.READING,))


@pytest.mark.skipif(not BUILT, reason="not built: python -m testbed.oracles.reading")
@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.name)
def test_ours_and_the_real_program_agree(subject: Subject) -> None:
    with running() as reader:
        apart, pairs = disagreements(subject, reader, SEED, 200)
    assert apart == []
    assert pairs or subject.name == "paths"
