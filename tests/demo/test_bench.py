"""What the bench says of the processes that it measures."""

import os
import subprocess
import sys
from pathlib import Path

from demo.bench import use_of
from tests.gateway.site import until


def test_the_camera_process_is_told_from_the_gateway():
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "gateway.camera.child"], stdin=subprocess.PIPE
    ) as child:
        # It has no words yet at the moment at which it takes the other program's place.
        until(Path(f"/proc/{child.pid}/cmdline").read_bytes)
        assert use_of(child.pid).name == "camera process"
        child.kill()
    assert use_of(os.getpid()).name == "gateway"
