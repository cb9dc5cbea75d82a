"""Write the trained nets as ONNX into a folder, with their checksums and settings.

`python -m training.export --work DIR --out gateway/plates/models [--temperature T ...]`
"""

import argparse
import hashlib
import json
from pathlib import Path

import torch
from torch import nn

from training.net import HEIGHT, WIDTH, Finder, Recogniser

NETS = ("finder.onnx", "recogniser.onnx")


def trained(kept: Path, net: nn.Module) -> nn.Module:
    """Load the averaged weights of a checkpoint."""
    was = torch.load(kept, weights_only=True)
    mean = torch.optim.swa_utils.AveragedModel(net, use_buffers=True)
    mean.load_state_dict(was["mean"])
    print(f"{kept.name}: step {was['step']}")
    return mean.module.eval()


def main() -> None:
    """Export both nets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--temperature", type=float, default=1.0)
    parser.add_argument("--accept", type=float, default=0.85)
    parser.add_argument("--finder-accept", type=float, default=0.4)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    recogniser = trained(given.work / "recogniser.pt", Recogniser())
    torch.onnx.export(
        recogniser, (torch.rand(1, 3, HEIGHT, WIDTH),), str(given.out / NETS[1]), dynamo=False,
        opset_version=13, input_names=["picture"], output_names=["places", "corners", "colour"],
    )  # fmt: skip
    finder = trained(given.work / "finder.pt", Finder())
    torch.onnx.export(
        finder, (torch.rand(1, 3, 288, 384),), str(given.out / NETS[0]), dynamo=False,
        opset_version=13, input_names=["picture"], output_names=["plates"],
        dynamic_axes={"picture": {2: "h", 3: "w"}, "plates": {2: "h8", 3: "w8"}},
    )  # fmt: skip
    sums = {name: hashlib.sha256((given.out / name).read_bytes()).hexdigest() for name in NETS}
    settings = {
        "temperature": given.temperature,
        "accept": given.accept,
        "finder_accept": given.finder_accept,
    }
    listed = {"nets": NETS, "sha256": sums, "settings": settings}
    (given.out / "models.json").write_text(json.dumps(listed, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
