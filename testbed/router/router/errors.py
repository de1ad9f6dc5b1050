"""What can go wrong on purpose, and how a caller hears of it."""


class SettingsError(Exception):
    """A setting is missing or wrong. Names the variable, never a secret's value."""


class UnavailableError(Exception):
    """A dependency (PostgreSQL, Redis, a model) does not answer now; asking again may help."""


class InvalidError(Exception):
    """The request cannot be served as it was sent.

    Attributes:
        problems: One sentence for each field that is wrong.
    """

    def __init__(self, *problems: str) -> None:
        """Keep every problem, so that a caller can mend all at once."""
        super().__init__("; ".join(problems))
        self.problems = problems


class UnknownError(Exception):
    """There is no such model or A/B test."""
