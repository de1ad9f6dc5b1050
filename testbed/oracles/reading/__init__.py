"""What others read as we do: metrics pages, selectors, references, ports, paths, certificates."""
