"""NetworkPolicies on a running cluster, dialled: what its engine lets through, beside the API."""
