"""Programs that know better, asked the same as we are: what kubectl does with a kubeconfig."""
