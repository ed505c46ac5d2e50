"""The verbs of the command line, a module each: its name, its options, what it does."""
