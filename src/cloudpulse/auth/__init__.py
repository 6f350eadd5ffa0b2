"""Who may do what: tokens, clients, scopes."""
