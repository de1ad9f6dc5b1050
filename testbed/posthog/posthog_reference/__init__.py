"""A PostHog-compatible reference made of real parts: Redis, ClickHouse and PostgreSQL.

It answers the endpoints that the official SDK and the verification suite use, in PostHog's
words, and nothing else; see the README beside this package for what it leaves out.
"""

VERSION = "1.43.0"
"""The PostHog version that `/_preflight` and `/api/instance_status` report.

The last release numbered this way; the stand-in claims no newer feature set.
"""
