"""The doctor: goes through a station part by part and says what is wrong, why, and what to do.

`examination.examine` yields findings one after the other; commands and pages show them. Refuses to know terminals and browsers:
who asks brings a `Person` where questions may be asked, and a way to ask the running service where one runs.
"""
