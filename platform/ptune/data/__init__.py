"""From a data set's name to batches of tokens: sources, templates, batches. Knows no backbone and no prompt."""
