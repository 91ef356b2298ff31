"""Tests of the demo: its parts as pure functions, its processes, and the demo as a person starts it."""
