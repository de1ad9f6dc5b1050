"""The local cluster on an ordinary machine: a stock Debian, booted in a virtual machine."""
