"""Changes of the table, each of which can be undone."""
