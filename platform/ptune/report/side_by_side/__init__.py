"""Searches side by side: what they came to, in what they differ, and what makes a comparison of them unfair."""
