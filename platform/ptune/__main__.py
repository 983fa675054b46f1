"""`python -m ptune` is the `ptune` command."""

from ptune.cli.main import main

if __name__ == "__main__":
    main()
