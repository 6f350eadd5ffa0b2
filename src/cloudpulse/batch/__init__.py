"""The batch layer: batches become bronze objects and silver rows."""
