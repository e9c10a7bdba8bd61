"""What people see: messages, summaries, pages, plots."""
