"""The station without its box: events and time in, effects out. No I/O, no clock, no randomness."""
