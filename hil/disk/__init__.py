"""Crash points: every write and every flush of the real store, and what a card may make of each when the power goes.

`recorder` writes down what the store asks of its disk, through a layer between SQLite and the operating system; `card` makes of
that what a memory card may hold after a power cut; `points` opens each of these with the real store and says what became of it.
`python -m hil.disk` runs them all.
"""
