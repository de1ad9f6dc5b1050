"""Registers the options, hooks and fixtures of the suites; they live in fixtures/."""

pytest_plugins = [
    "fixtures.options",
    "fixtures.rows",
    "fixtures.recording",
    "fixtures.causing",
    "fixtures.redacting",
    "fixtures.running",
]
