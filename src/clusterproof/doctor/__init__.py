"""What a run will be able to see, before it is made: the machine, the cluster, the rights."""
