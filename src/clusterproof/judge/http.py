"""Judge of what each Pod answers by itself."""

from collections.abc import Iterator

from clusterproof.judge.difference import Difference, judge
from clusterproof.judge.fields import meets
from clusterproof.kube.paths import shown
from clusterproof.observe.http import PodAnswer
from clusterproof.spec.behaviour import HttpRow


@judge.register
def judge_answers(rule: HttpRow, value: tuple[PodAnswer, ...]) -> Iterator[Difference]:
    """Every Pod answers with the row's status, and its fields are as expected."""
    for answer in value:
        place = f"{answer.pod} GET :{rule.port}{rule.path}"
        if answer.status is None:
            yield Difference(place, str(rule.status), "no answer", answer.reason)
            continue
        if answer.status != rule.status:
            yield Difference(place, str(rule.status), str(answer.status), answer.reason)
        for path, found in answer.fields:
            expect = rule.fields[path]
            if not meets(expect, found):
                yield Difference(f"{place} {path}", str(expect), shown(found))
