"""The charts of a search: each a small, pure function from a history to a figure in the grammar of Vega."""
