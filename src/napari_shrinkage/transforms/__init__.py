"""Transforms: one file each, chosen by type."""
