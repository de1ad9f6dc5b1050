"""Plain Locust: HttpUser, as most locustfiles are."""

from locust import HttpUser, task

from loadtests.bench.measured import PATH, Meter

METER = Meter()


class Stock(HttpUser):  # type: ignore[misc] # Locust ships no types
    """Asks as fast as it is answered."""

    @task
    def ask(self) -> None:
        """Ask once."""
        self.client.get(PATH)
