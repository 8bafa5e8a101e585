"""The command line: a file per noun; every command prints for people, or JSON for programs with --json."""
