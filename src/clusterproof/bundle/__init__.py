"""What a run saw, kept so that its judgement can be made again without the cluster."""
