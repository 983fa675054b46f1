"""Prompts and heads as modules: what a learner trains, where it enters a backbone, and what comes out."""
