"""The nightly run on the local cluster: now, and rehearsed with a seeded defect."""
