"""Tracking: a search's journal shown in MLflow, behind the search's back and never in its way."""
