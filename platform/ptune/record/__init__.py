"""The record of a search: its events, the journal that holds them, their reading, and which result is better."""
