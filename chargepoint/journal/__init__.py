"""The journal: the newest events of a station and the effects that its core answered, for a fault in the field to be replayed.

`recorder` writes it, bounded in memory; `state` lets a recording begin in the middle of a station's life; `secrets` blanks what
nobody may read; `recording` reads a file that somebody sent; `replay` runs it through the core and finds the first difference.
"""

from chargepoint.journal.recorder import Recorder

__all__ = ["Recorder"]
