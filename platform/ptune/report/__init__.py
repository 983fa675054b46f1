"""What people see of a search: the live table, the leaderboard, plots, the final summary. Reads histories only."""
