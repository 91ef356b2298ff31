"""The packages tried out: each installed, run, upgraded, removed in a root of its own; and power cuts within dpkg.

`story` goes through a package's life on one target, `cuts` kills everything at chosen steps of an installation and looks
whether the machine comes back the way our boot does it. `python -m hil.packages` (script/deb --try) runs both.
"""
