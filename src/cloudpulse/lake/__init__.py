"""The lake: what is stored, read and committed, on local disk or S3."""
