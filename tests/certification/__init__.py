"""The cases of the certification tool, one story each: what it sends, what it looks for, against the core alone.

Where a case needs the link itself (passwords, TLS) it runs against a whole station. What the tool leaves open is held by
stories elsewhere.
"""
