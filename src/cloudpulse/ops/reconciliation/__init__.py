"""Reconciliation: speed, batch and ledger compared, what differs reported, and mended."""
