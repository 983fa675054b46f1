"""The `ptune` command: one module per subcommand. Importing it imports neither torch nor ray."""
