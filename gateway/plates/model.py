"""The nets' files: found beside this package, checked against their checksums, opened.

OpenCV's own `cv2.dnn` runs them. Where onnxruntime is installed it does: about twice as
fast, with the same numbers to five places.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Literal, Protocol, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from gateway.plates.alphabet import Alphabet
from gateway.plates.errors import ModelRefused, ReaderMissing

Runtime: TypeAlias = Literal["best", "opencv", "onnxruntime"]
Numbers: TypeAlias = NDArray[np.float32]

FOLDER: Final = Path(__file__).with_name("models")
LIST: Final = "models.json"
SECOND: Final = "plate.traineddata"
"""The second reader's net, in Tesseract's own form."""
LINE: Final = "line.onnx"
DOUBLE: Final = "double.onnx"
RUNTIMES: Final[tuple[Runtime, ...]] = ("best", "opencv", "onnxruntime")


class Net(Protocol):
    """A net that is open."""

    def run(self, blob: Numbers) -> Sequence[Numbers]:
        """Give every output for a blob of pictures, N x 3 x height x width."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What was found while training and belongs to these very files."""

    temperature: float
    """Divides the recogniser's logits, so that its probabilities mean what they say."""
    double_temperature: float
    """The same of the net for two lines."""
    accept: float
    """The confidence at which a text is taken, chosen on training data alone."""
    finder_accept: float
    """How sure the detector must be of a cell."""
    slope: float = 1.0
    offset: float = 0.0
    """From the product of the places' probabilities to the whole text's: Platt's line."""
    enough: float = 1.0
    """Of what the looks are together so sure, nothing more is asked."""
    line_slope: float = 1.0
    line_offset: float = 0.0
    """Platt's line where it was."""


@dataclass(frozen=True, slots=True)
class Models:
    """Detector and recogniser, and what belongs to them."""

    finder: Net
    recogniser: Net
    double: Net
    """Names the characters of a plate of two lines, laid in a row."""
    alphabet: Alphabet
    settings: Settings
    runtime: str
    line: Net | None = None
    """Reads from left to right what the recogniser is unsure of; models of before had none."""


def open_models(folder: Path = FOLDER, runtime: Runtime = "best") -> Models:
    """Open detector and recogniser.

    Raises ModelRefused when a file is not the one on record, ReaderMissing without onnxruntime
    when it is asked for.
    """
    if runtime == "best":
        runtime = "onnxruntime" if find_spec("onnxruntime") else "opencv"
    elif runtime == "onnxruntime" and not find_spec("onnxruntime"):
        raise ReaderMissing("onnxruntime is not installed: .venv/bin/pip install onnxruntime")
    try:
        listed = json.loads((folder / LIST).read_text(encoding="utf-8"))
        nets = {
            name: _open(folder / name, listed["sha256"][name], outputs, runtime)
            for name, outputs in listed["outputs"].items()
        }
        known = listed["alphabet"]
        alphabet = Alphabet(known["characters"], tuple(known["kinds"]))
        settings = Settings(**listed["settings"])
        finder, recogniser, double = nets["finder.onnx"], nets["recogniser.onnx"], nets[DOUBLE]
    except ModelRefused:
        raise
    except (OSError, ValueError, KeyError, TypeError) as fault:
        raise ModelRefused(
            f"plate models in {folder} cannot be read: {fault}; reinstall"
        ) from fault
    return Models(finder, recogniser, double, alphabet, settings, runtime, nets.get(LINE))


def check_listed(path: Path) -> None:
    """Check a file against the list beside it; raises ModelRefused."""
    try:
        listed = json.loads(path.with_name(LIST).read_text(encoding="utf-8"))
        _checked(path, listed["sha256"][path.name])
    except ModelRefused:
        raise
    except (OSError, ValueError, KeyError, TypeError) as fault:
        raise ModelRefused(f"plate model {path} cannot be read: {fault}; reinstall") from fault


def _open(path: Path, sha256: str, outputs: list[str], runtime: Runtime) -> Net:
    # Read from memory: the bytes that were checked are the bytes that run.
    return _net(path.name, _checked(path, sha256), outputs, runtime)


def _checked(path: Path, sha256: str) -> bytes:
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise ModelRefused(
            f"plate model {path.name} has checksum {found[:12]}, not {sha256[:12]}; reinstall"
        )
    return content


def open_net(path: Path, runtime: Runtime) -> Net:
    """Open a net that has one output, unchecked: for measuring."""
    return _net(path.name, path.read_bytes(), ["out"], runtime)


def _net(name: str, content: bytes, outputs: list[str], runtime: Runtime) -> Net:
    return (_OpenCv if runtime == "opencv" else _OnnxRuntime)(name, content, outputs)


class _OpenCv:
    def __init__(self, name: str, content: bytes, outputs: list[str]) -> None:
        try:
            self._net: Any = cv2.dnn.readNetFromONNX(np.frombuffer(content, np.uint8))
        except cv2.error as fault:
            raise ModelRefused(f"plate model {name} does not open: {fault.err}") from fault
        self._outputs = outputs

    def run(self, blob: Numbers) -> Sequence[Numbers]:
        self._net.setInput(blob)
        said: Sequence[Numbers] = self._net.forward(self._outputs)
        return said


class _OnnxRuntime:
    def __init__(self, name: str, content: bytes, outputs: list[str]) -> None:
        import onnxruntime  # noqa: PLC0415 - an extra: only where it is installed.

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.enable_cpu_mem_arena = False
        try:
            self._net = onnxruntime.InferenceSession(
                content, options, providers=["CPUExecutionProvider"]
            )
        except Exception as fault:
            raise ModelRefused(f"plate model {name} does not open: {fault}") from fault
        self._outputs = outputs

    def run(self, blob: Numbers) -> Sequence[Numbers]:
        said: Sequence[Numbers] = self._net.run(self._outputs, {"picture": blob})
        return said
