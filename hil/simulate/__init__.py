"""A station that lives years in a minute: the real core and the real store, in a world of chance under virtual time."""
