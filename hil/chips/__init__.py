"""Models of chips, as their data sheets have them, for the real drivers to talk to."""
