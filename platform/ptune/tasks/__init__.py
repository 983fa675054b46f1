"""Kinds of task: how an example becomes rows, what its loss is, which answer its scores give, and its worth."""
