"""The whole deployment, verified on each Kubernetes that the local cluster can be made of."""
