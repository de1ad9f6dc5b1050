"""The Model Router: requests of our own, and what its Pods count of them."""
