"""Locust scenarios; run them from the checkout's root: locust -f loadtests/router.py --host URL."""
