"""Load: pure judges and models of a load run, and the observers that watch one.

Nothing here imports Locust (it patches `socket`): the scenarios live in loadtests/.
"""
