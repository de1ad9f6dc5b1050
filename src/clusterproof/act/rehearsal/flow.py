"""Requests through the router's Service while something else is done, and their events.

They are sent by a Pod of our own on an open schedule; see product/router/scripts/flow.py.
Connections are renewed after 5 s: callers leave a Pod before it stops listening, 15 s after it said
so.
"""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from clusterproof.act.rehearsal.seen import Flown, Kept
from clusterproof.errors import ObservationError
from clusterproof.observe.inside import Inside
from clusterproof.product.posthog.ingestion import read_back
from clusterproof.spec.settings import PosthogSettings, TrafficSettings
from clusterproof.wait import wait_until

SCRIPT = "product.router.scripts.flow"
CONNECTION_AGE_S = 5.0
REQUEST_TIMEOUT_S = 10.0
CALLERS = 24
USERS = 500
START_WITHIN_S = 40.0
SPEAK_WITHIN_S = 30.0
AT_ONCE = 1500
"""Uuids asked for by one exec: they are its argument, of which Linux takes 128 KiB."""
_SHOWN = 3


class Flow:
    """One flow of requests, under way from `start` to `end`."""

    def __init__(
        self, inside: Inside, traffic: TrafficSettings, name: str, *, rate: float, for_s: float
    ) -> None:
        """Send nothing yet; `for_s` bounds it whatever happens to us."""
        self._inside = inside
        self._name = name
        self._for_s = for_s
        self._request = {
            "do": "send",
            "name": name,
            "host": traffic.service,
            "port": traffic.port,
            "rate": rate,
            "for_s": for_s,
            "callers": CALLERS,
            "timeout_s": REQUEST_TIMEOUT_S,
            "connection_age_s": CONNECTION_AGE_S,
            "users": USERS,
            "prefix": name,
        }
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="flow")
        self._sending: Future[dict[str, Any]] | None = None

    def start(self) -> None:
        """Return when requests are being sent.

        Raises:
            ObservationError: None was sent within START_WITHIN_S.
        """
        within_s = self._for_s + 3 * REQUEST_TIMEOUT_S + SPEAK_WITHIN_S
        sending = self._pool.submit(self._inside.ask, SCRIPT, self._request, within_s=within_s)
        self._sending = sending

        def look() -> int:
            if sending.done():  # raises what kept it from sending; `end` says that it has ended
                return int(sending.result()["sent"])
            return int(self._speak("ask")["sent"])

        wait_until(
            look,
            lambda sent: sent > 0,
            waiting_for="the first request of the rehearsal",
            within_s=START_WITHIN_S,
            every_s=0.5,
        )

    def end(self) -> tuple[Flown, tuple[str, ...]]:
        """End it; what became of the requests, and the ids of their events, each once.

        Raises:
            ObservationError: It had ended before: not all of the operation was under load.
        """
        if self._sending is None:
            raise ObservationError("no request was sent")
        try:
            under_way = self._speak("end")["under_way"]
            result = self._sending.result()
        finally:
            self._pool.shutdown(wait=False, cancel_futures=True)
        if not under_way:
            raise ObservationError(
                f"the requests ended after {result['ran_s']} s, before the operation did"
            )
        lost = tuple(
            f"request {request['request']} at {request['at_s']} s: {request['error']}"
            for request in result["lost"]
        )
        events = tuple(dict.fromkeys(result.pop("events")))
        return Flown(**{**result, "lost": lost}), events

    def _speak(self, word: str) -> dict[str, Any]:
        request = {"do": word, "name": self._name}
        return self._inside.ask(SCRIPT, request, within_s=SPEAK_WITHIN_S)


def read_events(
    inside: Inside, settings: PosthogSettings, uuids: Sequence[str], within_s: float
) -> Kept:
    """Which of these events PostHog has, each awaited for `within_s`.

    Where it could not be asked the rest is unseen, and the reason is in the answer.
    """
    missing: list[str] = []
    patient = settings.model_copy(update={"within_s": within_s})
    for start in range(0, len(uuids), AT_ONCE):
        wanted = uuids[start : start + AT_ONCE]
        try:
            stored, reading = read_back(inside, patient, wanted, ())
            gone, why = [uuid for uuid in wanted if uuid not in stored], reading.unseen
        except ObservationError as error:
            gone, why = list(wanted), str(error)
        if gone and why:
            unseen = len(gone) + len(uuids[start + AT_ONCE :])
            return _kept(uuids, missing, within_s, why, unseen)
        missing += gone
    return _kept(uuids, missing, within_s)


def _kept(
    uuids: Sequence[str], missing: Sequence[str], within_s: float, why: str = "", unseen: int = 0
) -> Kept:
    return Kept(len(uuids), len(missing), tuple(missing[:_SHOWN]), within_s, why, unseen)
