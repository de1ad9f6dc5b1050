"""Proves the checks: each defect of the catalogue is applied to the running local cluster."""
