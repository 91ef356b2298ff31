"""Fuzzing: what nobody would send, to every place that takes something from outside, for as long as one likes.

A target makes a case out of a number and runs it; a case is a list of byte strings, so that a failing one can be made smaller
and written down. `script/fuzz --minutes 10`. A new target is one class (see `target`) and its line in `targets`.
"""
