"""PostHog: events and their way back, its status page."""
