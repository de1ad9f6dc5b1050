"""Routing requests at a steady rate, on an open schedule, until it is told to end.

Each arrival is sent once, late rather than never, and its fate is kept: nothing is sent again.
Connections are renewed before a Pod that ends stops listening. What another process in the same
Pod asks of a flow goes through an abstract socket of its name.

Request:
    do: "send", or "ask" or "end" of a flow that is under way.     name: of the flow.
    send: host, port, rate (arrivals per second), for_s (at most), callers, timeout_s,
        connection_age_s, users (their number), prefix (of their ids and of request ids).
Answer:
    send: sent (all that were due), answered (with 2xx), unnamed (of those: without the id of an
        event), events (ids), lost: [{request, at_s, error}] the first of them; ran_s, late_s (the
        latest start), slowest_s, stood_still_s (the latest start of a caller that was free).
    ask, end: under_way (bool), sent (so far).
"""

import contextlib
import http.client
import json
import socket
import sys
import threading
import time
from typing import Any

Json = dict[str, Any]
SHOWN = 20
ANSWER_S = 5
STRATEGIES = ("cheapest", "fastest", "best_quality")


class Flow:
    """The arrivals, claimed one by one by the callers."""

    def __init__(self, request: Json) -> None:
        """The schedule begins now."""
        self.request = request
        self.ending = threading.Event()
        self.lock = threading.Lock()
        self.origin = time.monotonic()
        self.ends_at = self.origin + request["for_s"]
        self.given_up = False
        self.claimed = self.sent = self.answered = self.unnamed = self.lost = 0
        self.events: list[str] = []
        self.losses: list[Json] = []
        self.late_s = self.slowest_s = self.stood_still_s = 0.0

    def end(self) -> None:
        """Send what is due, and no more."""
        self.ends_at = min(self.ends_at, time.monotonic())
        self.ending.set()

    def due(self) -> int:
        """How many arrivals were due until the end."""
        return int((self.ends_at - self.origin) * self.request["rate"]) + 1

    def claim(self) -> "tuple[int, float] | None":
        """The next arrival and when it is due; None at the end.

        A caller that was free before, and is late all the same, stood still itself.
        """
        with self.lock:
            index, self.claimed = self.claimed, self.claimed + 1
        due = self.origin + index / self.request["rate"]
        was_free = due > time.monotonic()
        while due > time.monotonic():
            if due > self.ends_at:
                return None
            self.ending.wait(min(1.0, due - time.monotonic()))
        if was_free:
            with self.lock:
                self.stood_still_s = max(self.stood_still_s, time.monotonic() - due)
        return (index, due) if due <= self.ends_at and not self.given_up else None

    def note(
        self, index: int, due: float, began: float, status: int, event: str, error: str
    ) -> None:
        """What became of an arrival."""
        now = time.monotonic()
        with self.lock:
            self.sent += 1
            self.late_s = max(self.late_s, began - due)
            self.slowest_s = max(self.slowest_s, now - due)
            if 200 <= status < 300:  # noqa: PLR2004 - HTTP's success
                self.answered += 1
                self.unnamed += not event
                self.events += [event] if event else []
                return
            self.lost += 1
            if len(self.losses) < SHOWN:
                at_s = round(due - self.origin, 2)
                self.losses.append(
                    {"request": index, "at_s": at_s, "error": error or f"status {status}"}
                )


def call(flow: Flow) -> None:
    """One caller: a connection that is renewed, and one request after the other."""
    request = flow.request
    connection: http.client.HTTPConnection | None = None
    connected_at = 0.0
    while (arrival := flow.claim()) is not None:
        index, due = arrival
        began = time.monotonic()
        if connection is not None and began - connected_at > request["connection_age_s"]:
            connection.close()
            connection = None
        status, event, error = 0, "", ""
        try:
            if connection is None:
                connection = http.client.HTTPConnection(
                    request["host"], request["port"], timeout=request["timeout_s"]
                )
                connection.connect()
                connected_at = time.monotonic()
            status, event, error, stays = ask(connection, request, index)
        except (OSError, ValueError, http.client.HTTPException) as problem:
            error, stays = f"{type(problem).__name__}: {problem}", False
        if not stays and connection is not None:
            connection.close()
            connection = None
        flow.note(index, due, began, status, event, error)


def ask(
    connection: http.client.HTTPConnection, request: Json, index: int
) -> "tuple[int, str, str, bool]":
    """Status, event, error, and whether the connection may be used again."""
    body = {
        "prompt": "clusterproof: which model answers this?",
        "max_tokens": 16,
        "strategy": STRATEGIES[index % len(STRATEGIES)],
        "user_id": f"{request['prefix']}-{index % request['users']}",
        "enable_ab_test": True,
    }
    headers = {"content-type": "application/json", "x-request-id": f"{request['prefix']}-{index}"}
    connection.request("POST", "/api/v1/route", json.dumps(body), headers)
    answer = connection.getresponse()
    content = answer.read()
    event = (answer.headers.get("X-Exposure-Event-Id") or "").strip().lower()
    if not 200 <= answer.status < 300:  # noqa: PLR2004 - HTTP's success
        return (
            answer.status,
            "",
            f"status {answer.status}: {content[:120]!r}",
            not answer.will_close,
        )
    json.loads(content)  # half an answer is none
    return answer.status, event, "", not answer.will_close


def send(request: Json) -> Json:
    """Send until told to end, or until the time is up."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(f"\0{request['name']}")
        flow = Flow(request)
        callers = [
            threading.Thread(target=call, args=(flow,), daemon=True)
            for _ in range(request["callers"])
        ]
        for caller in callers:
            caller.start()
        while not flow.ending.is_set() and time.monotonic() < flow.ends_at:
            listen(ear, flow)
        flow.end()
        ended = time.monotonic()
        # A request under way ends by its own timeout; a crowd that waits behind it is lost.
        given_up_at = ended + request["timeout_s"] * 3
        for caller in callers:
            caller.join(max(0.0, given_up_at - time.monotonic()))
        flow.given_up = True
    with flow.lock:
        unsettled = max(0, flow.due() - flow.sent)
        if unsettled:
            error = f"{unsettled} were due and had no answer, or no caller to send them"
            flow.losses.append(
                {"request": flow.sent, "at_s": round(ended - flow.origin, 2), "error": error}
            )
        return {
            "sent": flow.sent + unsettled,
            "answered": flow.answered,
            "unnamed": flow.unnamed,
            "events": flow.events,
            "lost": flow.losses,
            "ran_s": round(ended - flow.origin, 2),
            "late_s": round(flow.late_s, 3),
            "slowest_s": round(flow.slowest_s, 3),
            "stood_still_s": round(flow.stood_still_s, 3),
        }


def listen(ear: socket.socket, flow: Flow) -> None:
    """One word from outside, if one comes within a second."""
    ear.settimeout(1.0)
    with contextlib.suppress(OSError):
        word, whence = ear.recvfrom(64)
        if word == b"end":
            flow.end()
        ear.sendto(str(flow.sent).encode(), whence)


def speak(request: Json) -> Json:
    """Ask a flow how far it is, or tell it to end."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as mouth:
        mouth.bind("")  # an address of its own, chosen by the system, to be answered at
        mouth.settimeout(ANSWER_S)
        try:
            mouth.sendto(request["do"].encode(), f"\0{request['name']}")
            return {"under_way": True, "sent": int(mouth.recv(64))}
        except OSError:
            return {"under_way": False, "sent": 0}


def main(argument: str) -> None:
    """Do what is asked; write the answer."""
    request = json.loads(argument)
    answer = send(request) if request["do"] == "send" else speak(request)
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main(sys.argv[1])
