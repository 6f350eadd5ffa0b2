"""Backups: how they are made and restored, and where copies of the events were left."""
