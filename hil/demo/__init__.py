"""The demo: bench, test Central System and station as three real processes, shown as they work or played as an evening.

`script/demo` starts it. It is the station's service manager too: a station that asks to be started again is.
"""
