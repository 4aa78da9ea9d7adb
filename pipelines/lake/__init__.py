"""The lake kernel: how tables are declared, kept and changed. Knows no source, image or model."""
