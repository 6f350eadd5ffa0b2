"""CloudPulse: event analytics on one machine or in your own AWS account."""

__version__ = "0.1.0"
