"""Alarms: what they read, when they ring, what is told of it."""
