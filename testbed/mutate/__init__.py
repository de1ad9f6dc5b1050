"""Mutation testing of src/clusterproof: which changes of our own code no test notices."""
