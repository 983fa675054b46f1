"""The Python API: what `import ptune` offers to notebooks and scripts. The names are in `ptune/__init__.py`."""
