"""The command line: it parses and prints. Every subcommand is a module with `add_parser` and `run`."""
