"""The station's page: a process of its own that shows and asks, through the control socket and nothing else.

Owns everything between a browser and that socket. Refuses to know core, store and shell; a station that is not there is shown
as one that is not there. docs/panel.md tells how it is used, and how it is defended.
"""
