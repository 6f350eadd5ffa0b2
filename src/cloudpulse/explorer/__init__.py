"""The explorer: a page in the browser that asks the HTTP API, of any engine, and nothing else."""
