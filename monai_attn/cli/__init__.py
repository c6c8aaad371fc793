"""The command line: it parses and prints. Every subcommand is a module with `add_parser` and `run`.

`monai_attn.cli.main` finds the modules by the names in its table of commands. A subcommand turns options into values
of the library, calls the library, and prints what comes back. Arithmetic and geometry have no place here.
Modules that begin with an underscore are shared by several subcommands.
"""
