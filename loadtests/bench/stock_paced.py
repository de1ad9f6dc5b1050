"""Stock FastHttpUser that is to send 100 requests per second: 20 users, 5 per second each."""

from locust import FastHttpUser, constant_throughput, task

from loadtests.bench.measured import PATH, Meter

METER = Meter()


class Stock(FastHttpUser):  # type: ignore[misc] # Locust ships no types
    """Asks five times a second, when it is answered in time."""

    wait_time = constant_throughput(5)

    @task
    def ask(self) -> None:
        """Ask once."""
        self.client.get(PATH)
