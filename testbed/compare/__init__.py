"""Static tools beside ours, on the same defects: what each says of the changed manifests."""
