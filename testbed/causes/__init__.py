"""How well causes are found: measured on the defects of the catalogues."""
