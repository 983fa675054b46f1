"""Prompts behind HTTP: many prompts on one backbone, whose waiting requests are answered in shared passes."""
