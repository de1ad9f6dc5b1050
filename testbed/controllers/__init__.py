"""Two small controllers that run beside the local control plane: policy, volumes.

Each mirrors the objects it needs (list, then watch), computes what should be with a pure function
and applies only the difference. They are test equipment for the local cluster: what a cluster of
one's own gets from its CNI and its volume provisioner.
"""
