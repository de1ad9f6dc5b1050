"""`clusterproof init` on manifest sets in the shapes of published charts, on simulated nodes."""
