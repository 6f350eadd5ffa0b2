"""One request becomes one durable batch and a receipt."""
