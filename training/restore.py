"""Take a net's weights back from its ONNX file, where its checkpoint is gone.

Export folds each normalisation into the filter before it. Taken back, the filter keeps the folded
weights, and its normalisation is set on given pictures so that it changes nothing: it measured
their mean and spread, and puts the same out again, and the folded offset. Asked, the net says what
the file says; in training, where every batch is measured anew, nearly that.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import nn

GROWING: Final = frozenset({"name.weight", "name.bias", "habit"})
"""What has a part for each class: the alphabet grows at its end."""
ABSENT: Final = -4.0
"""The offset of classes that the file's alphabet did not have: said by nobody yet."""


def module_of(output: str) -> str:
    """Name the module that a node came from, by the node's output.

    >>> module_of("/features/features.6/mix/mix.0/Conv_output_0")
    'features.6.mix.0'
    """
    path: list[str] = []
    for part in output.strip("/").split("/")[:-1]:
        nested = bool(path) and part.startswith(f"{path[-1]}.")
        path = [*path[:-1], part] if nested else [*path, part]
    return ".".join(path)


def weights_of(file: Path) -> dict[str, torch.Tensor]:
    """Read an exported net's weights by the names that torch has for them."""
    import onnx  # noqa: PLC0415 - wanted here and for export alone.
    from onnx import numpy_helper  # noqa: PLC0415

    graph = onnx.load(str(file)).graph
    held = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    found = {name: value for name, value in held.items() if not name.startswith("onnx::")}
    for node in graph.node:
        nameless = [held[name] for name in node.input if name.startswith("onnx::") and name in held]
        name = module_of(node.output[0])
        if node.op_type == "Conv" and nameless:
            found |= {f"{name}.weight": nameless[0], f"{name}.bias": nameless[1]}
        elif node.op_type == "MatMul" and nameless:
            found[f"{name}.weight"] = nameless[0].T
    return {name: torch.from_numpy(np.array(value)) for name, value in found.items()}


def restore(net: nn.Module, file: Path, pictures: torch.Tensor) -> list[str]:
    """Put a file's weights into a net; pictures are N x 3 x H x W, 0 to 1, as it learns from.

    Returns the parameters that the file has nothing for. Raises ValueError when it is the file of
    another net or size.
    """
    given, own = weights_of(file), dict(net.named_parameters())
    pairs = dict(_pairs(net))
    offsets = {name: given.pop(f"{name}.bias") for name in pairs if f"{name}.bias" in given}
    unknown = [name for name in given if name not in own] + list(pairs.keys() - offsets.keys())
    if unknown:
        raise ValueError(f"{file.name} is of another net: {unknown[0]}")
    with torch.no_grad():
        for name, value in given.items():
            _fill(name, own[name], value)
        hooks = [
            pair.register_forward_pre_hook(_keeping(offsets[name])) for name, pair in pairs.items()
        ]
        net.eval()(pictures)
    for hook in hooks:
        hook.remove()
    kept = {id(each) for pair in pairs.values() for each in pair.parameters()}
    return [name for name, each in own.items() if name not in given and id(each) not in kept]


def _pairs(net: nn.Module) -> Iterator[tuple[str, nn.BatchNorm2d]]:
    """Give each filter's name that a normalisation follows, and the normalisation."""
    for name, module in net.named_modules():
        if isinstance(module, nn.Sequential):
            for place in range(len(module) - 1):
                after = module[place + 1]
                if isinstance(module[place], nn.Conv2d) and isinstance(after, nn.BatchNorm2d):
                    yield f"{name}.{place}", after


def _keeping(offset: torch.Tensor):  # noqa: ANN202 - torch's own type of a hook.
    """Set a normalisation, when something first comes to it, to add the offset and no more."""

    def set_it(norm: nn.Module, came: tuple[torch.Tensor]) -> None:
        assert isinstance(norm, nn.BatchNorm2d)
        mean = came[0].mean(dim=(0, 2, 3))
        spread = came[0].var(dim=(0, 2, 3), unbiased=False)
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(spread)
        norm.weight.copy_((spread + norm.eps).sqrt())
        norm.bias.copy_(mean + offset)

    return set_it


def _fill(name: str, into: torch.Tensor, value: torch.Tensor) -> None:
    pairs = list(zip(value.shape, into.shape, strict=True))
    grown = name in GROWING and all(old <= new for old, new in pairs)
    if any(old != new for old, new in pairs) and not grown:
        raise ValueError(f"{name}: {tuple(value.shape)} there, {tuple(into.shape)} here")
    if grown:
        into.fill_(ABSENT if name == "name.bias" else 0.0)
    into[tuple(slice(size) for size in value.shape)] = value
