"""The local cluster, the reference deployment, and the proofs: test equipment, not the product."""
