"""The README's two commands on a Debian that has nothing but what the README says."""
