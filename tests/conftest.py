"""What holds for every test: how long an example of hypothesis takes says nothing about it.

The dice fall alike in every run until a test is changed, so that a submission fails of its own
faults. To search for others: `./gatepost test --hypothesis-profile=search`.
"""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "search", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.register_profile("gatepost", settings.get_profile("search"), derandomize=True)
settings.load_profile("gatepost")
