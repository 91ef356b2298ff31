"""Other charge points, to measure this one against."""
