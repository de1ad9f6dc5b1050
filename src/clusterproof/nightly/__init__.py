"""A night: the suites run to a deadline, and what they came to is kept, compared and told."""
