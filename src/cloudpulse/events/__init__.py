"""What an event and a batch are; pure functions only."""
