"""Stories of the commands."""
