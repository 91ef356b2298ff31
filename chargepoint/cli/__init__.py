"""The commands: one module a command family, each importing what it needs only when it runs."""
