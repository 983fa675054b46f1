"""Frozen pretrained transformers: found, verified, loaded, and open to prompts in every layer."""
