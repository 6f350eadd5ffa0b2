"""The local engine: one machine, embedded stores."""
