"""Reports: one run record, written in the formats that people and machines read."""
