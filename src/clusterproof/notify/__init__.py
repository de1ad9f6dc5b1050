"""Notifications: what a run came to, told to a webhook."""
