"""The checks, one file a family; each offers `CHECKS`."""
