"""What holds for every test: how long an example of hypothesis takes says nothing about it."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "gatepost", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("gatepost")
