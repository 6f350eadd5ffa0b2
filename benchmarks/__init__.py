"""What CloudPulse does on this machine, beside the floor that any such server has: ``python -m benchmarks``."""
