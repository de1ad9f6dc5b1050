"""Reference Model Router: chooses a model for a prompt, runs A/B tests, tells PostHog."""
