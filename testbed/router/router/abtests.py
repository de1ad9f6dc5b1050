"""The A/B tests: kept in PostgreSQL, held in memory, read anew every few seconds."""

import json
import random
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import LiteralString

from .assignment import ABTest, Assignment, Variant, hash_share, pick
from .database import Database
from .faults import Faults

DEFAULT_VARIANTS = (Variant("control", 50), Variant("treatment", 50, "claude-haiku"))

_INSERT: LiteralString = (
    "INSERT INTO ab_tests (id, name, assignment, active, variants)"
    " VALUES (%s, %s, %s, %s, %s) ON CONFLICT (id)"
)

FlagReader = Callable[[str, str], Awaitable[str | None]]


class ABTests:
    """Every A/B test, and which variant a user gets."""

    def __init__(self, database: Database, read_flag: FlagReader, faults: Faults) -> None:
        """Keep tests in `database`; `read_flag(test id, user)` asks PostHog."""
        self._database = database
        self._read_flag = read_flag
        self._faults = faults
        self._tests: tuple[ABTest, ...] = ()
        self._random = random.SystemRandom()

    @property
    def all(self) -> tuple[ABTest, ...]:
        """Every test as last read, by id."""
        return self._tests

    def running(self, test_id: str = "") -> ABTest | None:
        """The active test of this id, or the first active one; None when there is none."""
        found = [test for test in self._tests if test.active and test_id in ("", test.id)]
        return found[0] if found else None

    async def add_default(self, test_id: str) -> None:
        """Make sure that the deployment's own experiment exists."""
        test = ABTest(
            test_id, "Model router experiment", Assignment.CONSISTENT_HASH, active=True,
            variants=DEFAULT_VARIANTS,
        )  # fmt: skip
        await self._store(test, _INSERT + " DO NOTHING")
        await self.reload()

    async def put(self, test: ABTest) -> None:
        """Store a test, in place of an earlier one of its id."""
        await self._store(
            test,
            _INSERT + " DO UPDATE SET name = excluded.name, assignment = excluded.assignment,"
            " active = excluded.active, variants = excluded.variants, changed_at = now()",
        )
        await self.reload()

    async def reload(self) -> None:
        """Read every test."""
        async with self._database.connection() as connection:
            cursor = await connection.execute(
                "SELECT id, name, assignment, active, variants FROM ab_tests ORDER BY id"
            )
            rows = await cursor.fetchall()
        self._tests = tuple(
            ABTest(
                row[0], row[1], Assignment(row[2]), row[3],
                tuple(Variant(**variant) for variant in row[4]),
            )
            for row in rows
        )  # fmt: skip

    async def variant_for(self, test: ABTest, user_id: str) -> Variant:
        """The variant of this user."""
        variants = test.variants
        if self._faults.on("split"):
            first = self._faults.level("split")
            variants = (
                Variant(variants[0].id, first, variants[0].model_id),
                Variant(variants[1].id, 100 - first, variants[1].model_id),
            )
        if self._faults.on("unsticky") or test.assignment is Assignment.WEIGHTED_RANDOM:
            return pick(variants, self._random.random())
        if test.assignment is Assignment.POSTHOG_FLAG:
            flagged = await self._read_flag(test.id, user_id)
            for variant in variants:
                if variant.id == flagged:
                    return variant
        return pick(variants, hash_share(test.id, user_id))

    async def _store(self, test: ABTest, query: LiteralString) -> None:
        variants = json.dumps([asdict(variant) for variant in test.variants])
        async with self._database.connection() as connection:
            await connection.execute(
                query, (test.id, test.name, test.assignment, test.active, variants)
            )
