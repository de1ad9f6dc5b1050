"""How our own tests run: alike on a fast and on a slow machine."""

from hypothesis import HealthCheck, settings

# How long an example takes to make says how busy the machine is, and nothing of our code.
settings.register_profile(
    "any-machine", suppress_health_check=[HealthCheck.too_slow], deadline=None
)
settings.load_profile("any-machine")
