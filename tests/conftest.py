"""What holds for every test: how Hypothesis judges time. Machines are shared, so a slow example is no failure."""

from hypothesis import HealthCheck, settings

settings.register_profile("shared machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared machine")
