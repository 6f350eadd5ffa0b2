"""What keeps the system honest: the ledger and its checks."""
