"""Processes: what is started, and the loops inside."""
