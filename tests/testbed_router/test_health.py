"""What the router says of its dependencies follows what they do."""

import asyncio

from testbed.router.router.errors import UnavailableError
from testbed.router.router.health import Health, Report


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        """Start anywhere."""
        self.now = 100.0

    def __call__(self) -> float:
        """The time that was set."""
        return self.now


class Dependency:
    """A dependency that answers, refuses, or keeps silent."""

    def __init__(self) -> None:
        """Start in good health."""
        self.refuses = False
        self.silent = False
        self.asked = 0

    async def __call__(self) -> None:
        """Be asked once."""
        self.asked += 1
        if self.silent:
            await asyncio.Event().wait()
        if self.refuses:
            raise UnavailableError("gone")


def test_all_is_well_when_everything_answers() -> None:
    async def scenario() -> Report:
        return await Health({"database": Dependency()}).look()

    report = asyncio.run(scenario())
    assert report.ok
    assert report.body("ok")["checks"]["database"]["ok"] is True


def test_a_refusal_is_named_and_its_length_is_told() -> None:
    clock, database = Clock(), Dependency()
    health_down_for: list[float] = []

    async def scenario() -> Report:
        health = Health({"database": database, "redis": Dependency()}, clock)
        database.refuses = True
        await health.look()
        clock.now += 7
        report = await health.look()
        health_down_for.append(report.down_for_s)
        database.refuses = False
        clock.now += 7
        health_down_for.append((await health.look()).down_for_s)
        return report

    report = asyncio.run(scenario())
    assert [(item.name, item.error) for item in report.seen] == [
        ("database", "gone"),
        ("redis", ""),
    ]
    assert health_down_for == [7, 0]


def test_dependencies_are_asked_at_most_once_a_second() -> None:
    clock, database = Clock(), Dependency()

    async def scenario() -> None:
        health = Health({"database": database}, clock)
        await asyncio.gather(*(health.look() for _ in range(10)))
        clock.now += 1
        await health.look()

    asyncio.run(scenario())
    assert database.asked == 2


def test_silence_is_a_problem_after_a_bounded_time() -> None:
    database = Dependency()
    database.silent = True

    async def scenario() -> Report:
        return await asyncio.wait_for(Health({"database": database}).look(), 5)

    report = asyncio.run(scenario())
    assert report.seen[0].error == "no answer in 3 s"
