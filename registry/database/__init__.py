"""Tables, schema, sessions, clock and keyset pages of the database."""
