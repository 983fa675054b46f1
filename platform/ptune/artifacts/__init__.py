"""The exported prompt: written, read, checked against its backbone, and asked for predictions."""
