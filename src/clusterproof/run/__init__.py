"""A run: every planned row is looked at and judged once, and recorded. Knows no pytest."""
