"""How the recogniser learns, and how well it names held-out and newly drawn plates."""

from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Final, TypeAlias

import cv2
import numpy as np
import torch
from torch import nn
from torch.nn import functional

from gateway.plates.alphabet import NEWEST
from gateway.plates.look import ROW, SIZE, lit
from training.data import load_crops, standard_glyphs
from training.layouts import ONE_LINE, SHAPES, TWO_LINES, Shape, shape_of
from training.learning import Course, Tensors, device
from training.net import Recogniser
from training.samples import Batch, Doubles, Studio, drawn_crop, face_of
from training.texts import DOUBLE_LESSONS, LESSONS, random_plate

SEED: Final = 20
MEASURE_SEED: Final = 4002
MEASURED: Final = 512
SMOOTHING: Final = 0.06

Said: TypeAlias = Callable[[nn.Module, torch.Tensor], list[str]]
"""Tells the likeliest text of each crop."""


def supply(data: Path, seed: int, size: int) -> Iterator[Batch]:
    """Draw batches without end."""
    return Studio(data, seed).batches(size)


def supply_doubles(data: Path, seed: int, size: int) -> Iterator[Batch]:
    """Draw batches of plates of two lines without end."""
    return Doubles(data, seed, first=0.1).batches(size)


def loss_of(net: nn.Module, batch: Tensors) -> tuple[torch.Tensor, dict[str, float]]:
    """Compute the loss of a batch, and the share of its plates that were read whole."""
    pictures, names, box, colours, lines = batch
    places, corners, colour, two = (each.float() for each in net(pictures))
    flat = places.flatten(0, 1)
    loss = functional.cross_entropy(flat, names.flatten(), label_smoothing=SMOOTHING)
    known = ~torch.isnan(box[:, 0])
    if known.any():
        loss = loss + 4 * functional.smooth_l1_loss(corners[known], box[known], beta=0.02)
    if (colours >= 0).any():
        loss = loss + 0.1 * functional.cross_entropy(colour, colours, ignore_index=-1)
    told = lines >= 0
    if told.any():
        wanted = lines[told].float()
        loss = loss + 0.1 * functional.binary_cross_entropy_with_logits(two[told, 0], wanted)
    right = (places.argmax(2) == names).all(1).float().mean()
    return loss, {"whole": float(right)}


def drawn_set(
    data: Path,
    seed: int,
    count: int,
    among: Collection[Shape],
    *,
    row: tuple[int, int] | None = None,
    strength: tuple[float, float] = (0.3, 1.0),
) -> tuple[list[np.ndarray], list[str]]:
    """Draw crops of every kind of some shapes, as the lessons share them out, of an own seed.

    Those of two lines are laid in a row of the size that is given.
    """
    rng, glyphs = np.random.default_rng(seed), standard_glyphs(data)
    lessons = LESSONS if ONE_LINE & set(among) else DOUBLE_LESSONS
    pictures: list[np.ndarray] = []
    texts: list[str] = []
    while len(texts) < count:
        text, kind = random_plate(rng, None, lessons)
        if not set(among) & set(SHAPES[kind]):
            continue
        shape = shape_of(kind, rng, among)
        face = face_of(text, kind, shape, rng, glyphs)
        hard = float(rng.uniform(*strength))
        picture, _ = drawn_crop(rng, face, hard, None, row=row if shape in TWO_LINES else None)
        pictures.append(picture)
        texts.append(text)
    return pictures, texts


def texts_of(net: nn.Module, x: torch.Tensor) -> list[str]:
    """Give the likeliest text of each crop, without grammar and by one look."""
    return [text_of(row) for row in net(x)[0].argmax(2)]


def text_of(names: torch.Tensor) -> str:
    """Give the text of a row of classes."""
    return "".join(NEWEST.classes[name] for name in names.tolist())


def read_whole(said_of: Said, pictures: np.ndarray, texts: list[str], net: nn.Module) -> float:
    """Give the share of crops of which a net says the whole text."""
    on, right = next(net.parameters()).device, 0
    for first in range(0, len(pictures), 128):
        x = torch.from_numpy(pictures[first : first + 128]).to(on).permute(0, 3, 1, 2).float() / 255
        with torch.no_grad():
            said = said_of(net, x)
        wanted = [text.replace("O", "0") for text in texts[first : first + 128]]
        right += sum(one == other for one, other in zip(said, wanted, strict=True))
    return round(right / max(1, len(texts)), 4)


def measure_by(
    data: Path, said_of: Said, among: Collection[Shape], row: tuple[int, int] | None = None
) -> Callable[[nn.Module], dict[str, float]]:
    """Choose the crops by which a reader's training is measured: held-out ones, and drawn ones.

    There are held-out ones of one line alone.
    """
    sets = {"drawn": drawn_set(data, MEASURE_SEED, MEASURED, among, row=row)}
    if ONE_LINE & set(among):
        held = load_crops(data, held_out=True)
        crops = [np.asarray(cv2.resize(crop.picture, SIZE), np.uint8) for crop in held]
        sets = {"held out": (crops, [crop.text for crop in held]), **sets}
    shown = {
        name: (np.stack([lit(each) for each in pictures]), texts)
        for name, (pictures, texts) in sets.items()
    }
    return lambda net: {name: read_whole(said_of, *each, net) for name, each in shown.items()}


def course(data: Path, size: str, batch: int | None = None, *, double: bool = False) -> Course:
    """Say how the recogniser is taught; or its like for two lines."""
    on_gpu = device().type == "cuda"
    among, row = (TWO_LINES, ROW) if double else (ONE_LINE, None)
    return Course(
        name="double" if double else "recogniser",
        net=Recogniser(size, (row or SIZE)[0]),
        supply=supply_doubles if double else supply,
        loss_of=loss_of,
        measure=measure_by(data, texts_of, among, row),
        batch=batch or (256 if on_gpu else 64),
        rate=4e-3 if on_gpu else 2.5e-3,
        seed=SEED,
        pool=8192,
    )
