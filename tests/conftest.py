"""What holds for every test: how long an example of hypothesis takes says nothing about it.

The dice fall alike in every run until a test is changed, so that a submission fails of its own
faults. To search for others: `./gatepost test --hypothesis-profile=search`.

A shell's `&` and nohup leave their children deaf to Ctrl-C; what the tests start is to hear it.
"""

import signal

from hypothesis import HealthCheck, settings

settings.register_profile(
    "search", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.register_profile("gatepost", settings.get_profile("search"), derandomize=True)
settings.load_profile("gatepost")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
