"""A cloud for tests: moto's server over real HTTP, with what it lacks added in its own process."""
