"""What the bench says of the processes that it measures."""

import os
import subprocess
import sys

from demo.bench import use_of


def test_the_camera_process_is_told_from_the_gateway():
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "gateway.camera.child"], stdin=subprocess.PIPE
    ) as child:
        assert use_of(child.pid).name == "camera process"
        child.kill()
    assert use_of(os.getpid()).name == "gateway"
