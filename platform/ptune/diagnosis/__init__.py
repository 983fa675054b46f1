"""What is wrong with how a search trained, and what to try next: laws over its history, one in each file."""
