"""Crash injection with real processes: a station that is killed again and again while it works, and books that must balance.

`script/crash` runs it. Bench, station and network are as real as one machine has them: the station is the process that ships,
killed with SIGKILL; the network is a proxy; the disk is a real one, now and then a small one that fills up.
"""
