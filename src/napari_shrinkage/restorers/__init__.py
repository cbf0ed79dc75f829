"""Restorers: one file each, chosen by type."""
