"""Stock FastHttpUser."""

from locust import FastHttpUser, task

from loadtests.bench.measured import PATH, Meter

METER = Meter()


class Stock(FastHttpUser):  # type: ignore[misc] # Locust ships no types
    """Asks as fast as it is answered."""

    @task
    def ask(self) -> None:
        """Ask once."""
        self.client.get(PATH)
