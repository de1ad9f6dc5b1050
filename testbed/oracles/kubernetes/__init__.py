"""Kubernetes' own functions as oracles: generated cases, put to them and to `clusterproof.kube`."""
