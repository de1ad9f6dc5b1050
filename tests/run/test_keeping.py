"""What the keeper of a run knows is taken out of all that it writes, whenever it was learned."""

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import yaml

from clusterproof.kube.connection import connect
from clusterproof.redact import MASK
from clusterproof.run.keeping import Keeper

if TYPE_CHECKING:
    from clusterproof.observe.cluster import Cluster

FIRST, SECOND = "plain-first-word-of-the-file", "plain-second-word-of-the-file"
"""Made up; without a shape, so that they are known by their values only."""


def test_a_credential_that_is_renewed_in_the_middle_of_a_run_is_known(tmp_path: Path) -> None:
    """From the next text on; the one before is known still, and what was written is cleaned."""
    token = tmp_path / "token"
    token.write_text(FIRST, encoding="utf-8")
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "a",
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
        "contexts": [{"name": "a", "context": {"cluster": "c", "user": "u"}}],
        "users": [{"name": "u", "user": {"tokenFile": str(token)}}],
    }
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    connection = connect(str(path))
    api = SimpleNamespace(connection=connection)
    keeper = Keeper()
    keeper.meet(cast("Cluster", SimpleNamespace(api=api, lists_made=0)))
    assert keeper.redactor().text(f"{FIRST} {SECOND}") == f"{MASK} {SECOND}"
    token.write_text(SECOND, encoding="utf-8")
    assert connection.credentials.renewed(connection.credentials.now())
    assert keeper.redactor().text(f"{FIRST} {SECOND}") == f"{MASK} {MASK}"
    assert keeper.redactor() is keeper.redactor()
