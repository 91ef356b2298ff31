"""The bench: the world outside the station's box (vehicles, cables, meters, contactors, locks, lamps, cards, mains)."""
