"""Write the trained nets as ONNX into a folder, with their checksums, alphabet and settings."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import torch
from torch import nn

from gateway.plates.alphabet import NEWEST
from gateway.plates.look import ROW
from gateway.plates.model import DOUBLE, LINE, LIST, SECOND, Settings
from training.net import HEIGHT, WIDTH, WIDTHS, Finder, Recogniser

OUTPUTS: Final = {
    "finder.onnx": ["plates"],
    "recogniser.onnx": ["places", "corners", "colour", "lines"],
    DOUBLE: ["places", "corners", "colour", "lines"],
    LINE: ["columns"],
}
OTHERS: Final = (SECOND, "reference.onnx")
"""What else the package's folder may hold: the second reader's data, the benchmark's fixed net."""
FINDER_ACCEPT: Final = 0.4
BEFORE: Final = 0.5
"""The share of an older checkpoint's weights in a net that went on from it with other lessons: the
mean of the two reads drawn plates better than either."""


def trained(kept: Path, net: nn.Module) -> nn.Module:
    """Load the averaged weights of a checkpoint."""
    was = torch.load(kept, weights_only=True, map_location="cpu")
    mean = torch.optim.swa_utils.AveragedModel(net, use_buffers=True)
    mean.load_state_dict(was["mean"])
    print(f"{kept.name}: step {was['step']}")
    return mean.module.eval()


def mixed(net: nn.Module, before: Path) -> nn.Module:
    """Mix the averaged weights of an older checkpoint of the same net in."""
    old = torch.load(before, weights_only=True, map_location="cpu")["mean"]
    own = net.state_dict()
    for name, value in own.items():
        if value.is_floating_point():
            value.lerp_(old[f"module.{name}"], BEFORE)
    print(f"{before}: {BEFORE:.0%} of it")
    return net


def size_of(kept: Path) -> str:
    """Tell which size of recogniser a checkpoint holds."""
    weights = torch.load(kept, weights_only=True, map_location="cpu")["net"]
    first = len(weights["features.0.0.weight"])
    return next(name for name, widths in WIDTHS.items() if widths[0] == first)


def export(work: Path, out: Path, before: Path | None = None) -> None:
    """Export the nets that WORK holds; temperature, slope and accept line are calibration's.

    `before` holds the checkpoint that the recogniser went on from, if that is to be mixed in.
    """
    out.mkdir(parents=True, exist_ok=True)
    if (kept := work / "recogniser.pt").exists():
        net = trained(kept, Recogniser(size_of(kept)))
        if before is not None:
            net = mixed(net, before / kept.name)
        write(net, out / "recogniser.onnx", (3, HEIGHT, WIDTH))
    if (kept := work / "double.pt").exists():
        write(trained(kept, Recogniser(size_of(kept), ROW[0])), out / DOUBLE, (3, HEIGHT, ROW[0]))
    if (kept := work / "finder.pt").exists():
        sides = {"picture": {2: "h", 3: "w"}, "plates": {2: "h8", 3: "w8"}}
        write(trained(kept, Finder()), out / "finder.onnx", (3, 288, 384), dynamic_axes=sides)
    settings = Settings(
        temperature=1.0, double_temperature=1.0, accept=0.95, finder_accept=FINDER_ACCEPT
    )
    write_list(out, [each for each in (*OUTPUTS, *OTHERS) if (out / each).exists()], settings)


def write(net: nn.Module, file: Path, shape: tuple[int, int, int], **more: Any) -> None:
    """Write one net as ONNX, for pictures of so many colours, rows and columns."""
    torch.onnx.export(
        net, (torch.rand(1, *shape),), str(file), dynamo=False, opset_version=13,
        input_names=["picture"], output_names=OUTPUTS[file.name], **more,
    )  # fmt: skip


def write_list(out: Path, names: list[str], settings: Settings) -> None:
    """Write what the package checks and goes by."""
    listed = {
        "sha256": {name: _sha256(out / name) for name in names},
        "outputs": {name: said for name, said in OUTPUTS.items() if name in names},
        "alphabet": {"characters": NEWEST.characters, "kinds": NEWEST.kinds},
        "settings": asdict(settings),
    }
    _write(out, listed)


def record(out: Path, *names: str) -> None:
    """Write files' checksums into the list, where there is one; what else stands there stays."""
    if not (out / LIST).exists():
        return
    listed = json.loads((out / LIST).read_text(encoding="utf-8"))
    for name in names:
        listed["sha256"][name] = _sha256(out / name)
        if name in OUTPUTS:
            listed["outputs"][name] = OUTPUTS[name]
    listed["sha256"] = dict(sorted(listed["sha256"].items()))
    _write(out, listed)


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _write(out: Path, listed: dict[str, Any]) -> None:
    text = json.dumps(listed, indent=2, ensure_ascii=False)
    (out / LIST).write_text(text + "\n", encoding="utf-8")
