"""Programs that run inside a Pod of our own, as the argument of `python3 -c`.

Each stands by itself: it imports the standard library, and the `posthog` package where it sends
events. It takes one JSON request as its argument and writes one JSON answer. Keys come from the
Pod's environment and never leave it.
"""
