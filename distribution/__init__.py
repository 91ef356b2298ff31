"""The Debian package: what goes into it, from where, and how it is put together. Nothing of it ships."""
