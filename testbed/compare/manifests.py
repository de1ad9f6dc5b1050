"""The reference deployment as manifests, and as a defect leaves them; no cluster is asked.

Rendering and patching are kubectl's own (`kustomize`, `patch --local`), so a strategic merge does
here what the API server does in a proof.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import yaml

from clusterproof.kube.client import Json
from clusterproof.spec.row import ObjectRef
from testbed.cluster.kubectl import environment
from testbed.cluster.run import run
from testbed.deploy import secrets, tls
from testbed.deploy.deployment import MANIFESTS
from testbed.deploy.profiles import Profile
from testbed.prove.certificate import secret_data
from testbed.prove.change import merged
from testbed.prove.steps import Defect, Patch, Step

Manifests = Mapping[ObjectRef, Json]
Patching = Callable[[Json, Patch], Json]


def rendered(kubectl: Path, profile: Profile, folder: Path) -> Manifests:
    """What `testbed.deploy up` applies, by reference.

    Args:
        kubectl: The program.
        profile: Which overlay.
        folder: Private and empty: Secrets and keys are made for this rendering alone.

    Raises:
        TestbedError: The overlay could not be rendered.
    """
    text = run([str(kubectl), "kustomize", str(MANIFESTS / profile.folder)], env=environment())
    values = secrets.load_or_make(folder / "secrets.json")
    items = [
        *(item for item in yaml.safe_load_all(text) if item),
        *secrets.objects(values, profile),
        *tls.objects(folder, profile),
    ]
    return {reference(item): item for item in items}


def reference(item: Json) -> ObjectRef:
    """The object's own reference."""
    metadata = item["metadata"]
    return ObjectRef(
        kind=item["kind"], namespace=metadata.get("namespace", ""), name=metadata["name"]
    )


def patching(kubectl: Path) -> Patching:
    """How to patch one object by kubectl.

    Raises:
        TestbedError: By what is returned: the patch does not fit the object.
    """

    def patch(item: Json, change: Patch) -> Json:
        how = "json" if isinstance(change.with_, list) else "strategic"
        body = json.dumps(change.with_)
        command = [str(kubectl), "patch", "--local", "-f", "-", "-o", "json"]
        command += ["--type", how, "--patch", body]
        patched: Json = json.loads(run(command, stdin=json.dumps(item), env=environment()))
        return patched

    return patch


def declared(defect: Defect, base: Manifests) -> tuple[Step, ...]:
    """The steps of a defect that are a change of manifests.

    The others are of what runs: a component that is stopped; a status; a node or another object
    that the deployment does not bring; a Pod that the proof starts as its tool; a fault switch of
    a reference application, which stands for a program that is wrong, and what makes the program
    obey the switch.
    """
    if any(step.stop for step in defect.all_steps):
        return ()
    switched = {step.fault.of for step in defect.all_steps if step.fault}
    return tuple(step for step in defect.all_steps if _is_declared(step, switched, base))


def _is_declared(step: Step, switched: set[ObjectRef], base: Manifests) -> bool:
    if step.waits or step.target is None or step.target in switched:
        return False
    if step.create is not None:
        return step.target.kind != "Pod"
    return step.target in base and not (step.patch and step.patch.status)


def changed(base: Manifests, defect: Defect, patch: Patching) -> Manifests:
    """The manifests with the defect in them; `base` itself where none of it is declared."""
    now = dict(base)
    for step in declared(defect, base):
        _apply(now, step, patch)
    return now


def _apply(now: dict[ObjectRef, Json], step: Step, patch: Patching) -> None:
    change = step.patch or step.pause
    if change:
        now[change.of] = patch(now[change.of], change)
    elif step.delete:
        del now[step.delete]
    elif step.recreate:
        now[step.recreate.of] = merged(now[step.recreate.of], step.recreate.with_)
    elif step.create and step.target:
        now[step.target] = step.create
    elif step.certificate:
        data = secret_data(step.certificate.host, step.certificate.days)
        of = step.certificate.of
        now[of] = merged(now[of], {"data": data})


def written(manifests: Manifests, folder: Path) -> None:
    """Write them into a folder of their own, as one stream of YAML documents."""
    folder.mkdir()
    # By way of JSON: what several objects share is written out for each.
    items = json.loads(json.dumps(list(manifests.values())))
    text = yaml.safe_dump_all(items, sort_keys=False)
    folder.joinpath("manifests.yaml").write_text(text, encoding="utf-8")
