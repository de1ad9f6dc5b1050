"""kubectl and our own reader on the same generated kubeconfigs."""
