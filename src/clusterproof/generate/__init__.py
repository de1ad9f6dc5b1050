"""`clusterproof init`: a first spec, from a cluster that is as it should be or from manifests."""
