"""The only code that changes a cluster: Pods of our own, the Lease, rehearsals and their undo."""
