"""One loop for all nets: workers draw, a pool keeps what they drew, the net learns from it.

Resumable at any step: the checkpoint holds the net, its running mean, the tuner, the pace and the
curve. On a GPU drawing is what takes the time, so each drawn batch is used `reuse` times, from a
pool, under another light each time.
"""

import multiprocessing
import queue as queues
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import torch
from torch import nn

from gateway.plot import Chart, Series, sheet
from training.restore import restore

Tensors = tuple[torch.Tensor, ...]
KEEP_EVERY: Final = 200
TELL_EVERY: Final = 50
LOOK_EVERY_S: Final = 2.0
"""So often a worker that gives nothing is looked after."""
MEASURE_EVERY: Final = 500
EMA: Final = 0.995
SHOWN: Final = 192
"""Samples on which an exported net's normalisations are set."""


@dataclass(frozen=True, slots=True)
class Course:
    """What is learnt, from what, and how it is measured."""

    name: str
    net: nn.Module
    supply: Callable[[Path, int, int], Iterator[tuple[np.ndarray, ...]]]
    """Gives batches of arrays for a folder of data, a seed and a size: pictures first."""
    loss_of: Callable[[nn.Module, Tensors], tuple[torch.Tensor, dict[str, float]]]
    """The loss of a batch whose pictures are N x 3 x H x W, 0 to 1; and what to print of it."""
    measure: Callable[[nn.Module], dict[str, float]]
    batch: int
    rate: float
    seed: int
    pool: int
    """Samples kept on a CPU; a GPU keeps 32 times as many."""
    restore: Callable[[nn.Module, Path, torch.Tensor], Sequence[str]] = restore
    """Takes weights back from an exported file, by pictures; names what begins anew."""


@dataclass(frozen=True, slots=True)
class Plan:
    """For how long and on what."""

    data: Path
    work: Path
    steps: int
    workers: int
    reuse: int
    slice_s: float
    """Stop after so long, to go on later from the checkpoint."""
    start: Path | None = None
    """Begin with these weights: a checkpoint's, as far as sizes go, or an exported net's."""
    rate: float | None = None
    threads: int = 1


def device() -> torch.device:
    """Choose CUDA where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def computes_in_halves(on: torch.device) -> bool:
    """Say whether 16 bits are the faster way: emulated ones take 12 times as long."""
    return on.type == "cuda" or torch.cpu._is_avx512_bf16_supported()  # noqa: SLF001 - no other way.


class Pool:
    """The newest drawn samples, on the device that trains."""

    def __init__(self, size: int, on: torch.device) -> None:
        self._size, self._on = size, on
        self._kept: list[torch.Tensor] = []
        self._next = self._filled = 0

    def add(self, batch: tuple[np.ndarray, ...]) -> None:
        """Take a drawn batch in, in place of the oldest."""
        fresh = [torch.from_numpy(each).to(self._on) for each in batch]
        count = len(fresh[0])
        if not self._kept:
            self._size -= self._size % count
            shapes = [(self._size, *each.shape[1:]) for each in fresh]
            self._kept = [
                torch.empty(shape, dtype=each.dtype, device=self._on)
                for shape, each in zip(shapes, fresh, strict=True)
            ]
        for kept, each in zip(self._kept, fresh, strict=True):
            kept[self._next : self._next + count] = each
        self._next = (self._next + count) % self._size
        self._filled = min(self._filled + count, self._size)

    def take(self, drawing: "Drawing", *, wait: bool) -> None:
        """Take in what was drawn: one batch if it must be waited for, else what has come."""
        batch = drawing.newest(wait=wait or not self._filled)
        if batch is not None:
            self.add(batch)

    def draw(self, count: int) -> Tensors:
        """Choose samples; pictures become N x 3 x H x W, 0 to 1."""
        chosen = torch.randint(0, self._filled, (count,), device=self._on)
        pictures, *rest = (each[chosen] for each in self._kept)
        x = pictures.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
        return (relit(x.float() / 255), *rest)


def relit(x: torch.Tensor) -> torch.Tensor:
    """Put another light, tint and noise on pictures: a sample used again is not the same."""
    gain = 1 + 0.10 * torch.randn(len(x), 1, 1, 1, device=x.device)
    tint = 0.03 * torch.randn(len(x), 3, 1, 1, device=x.device)
    noise = 0.02 * torch.rand(len(x), 1, 1, 1, device=x.device) * torch.randn_like(x)
    return (x * gain + tint + noise).clamp(0, 1)


class DrawingEnded(RuntimeError):  # noqa: N818 - named by what happened.
    """A worker that draws has died; it said why itself, and waiting for it would never end."""


class Drawing:
    """The workers that draw what is learnt from."""

    def __init__(self, course: Course, plan: Plan, step: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._queue = context.Queue(maxsize=2 * plan.workers + 2)
        self._children = []
        for worker in range(plan.workers):
            # Seeded by where it goes on, so that no slice draws what one before it drew.
            seed = int(np.random.SeedSequence((course.seed, step, worker)).generate_state(1)[0])
            given = (course.supply, plan.data, seed, course.batch, self._queue)
            self._children.append(context.Process(target=_supply, args=given, daemon=True))
            self._children[-1].start()

    def newest(self, *, wait: bool) -> tuple[np.ndarray, ...] | None:
        """Give a drawn batch; None when none has come and none is waited for."""
        while True:
            try:
                batch: tuple[np.ndarray, ...] = self._queue.get(wait, LOOK_EVERY_S)
            except queues.Empty:
                if not all(child.is_alive() for child in self._children):
                    raise DrawingEnded("a worker that draws has died: see above") from None
                if not wait:
                    return None
            else:
                return batch

    def end(self) -> None:
        """End the workers."""
        for child in self._children:
            child.terminate()


def _supply(supply: Any, data: Path, seed: int, batch: int, queue: Any) -> None:
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    for made in supply(data, seed, batch):
        queue.put(made)


def learn(course: Course, plan: Plan) -> bool:
    """Train until the last step or the end of the slice; say whether the last step was done."""
    on = device()
    torch.set_num_threads(plan.threads)
    torch.manual_seed(course.seed)
    plan.work.mkdir(parents=True, exist_ok=True)
    net = course.net.to(on).to(memory_format=torch.channels_last)
    rate = plan.rate or course.rate
    tuner = torch.optim.AdamW(_groups(net), lr=rate, betas=(0.9, 0.98))
    pace = torch.optim.lr_scheduler.OneCycleLR(tuner, rate, plan.steps, pct_start=0.1)
    mean = torch.optim.swa_utils.AveragedModel(
        net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(EMA), use_buffers=True
    )
    parts = {"net": net, "mean": mean, "tuner": tuner, "pace": pace}
    kept = plan.work / f"{course.name}.pt"
    curve: list[dict[str, float]] = []
    step = 0
    if kept.exists():
        was = torch.load(kept, weights_only=True, map_location=on)
        for name, part in parts.items():
            part.load_state_dict(was[name])
        step, curve = was["step"], was["curve"]
    elif plan.start is not None:
        begin_from(plan.start, course, plan.data)
        mean.module.load_state_dict(net.state_dict())
    if step >= plan.steps:
        return True
    drawing = Drawing(course, plan, step)
    try:
        step = _run(course, plan, parts, drawing, step, curve)
    finally:
        drawing.end()
    keep(kept, parts, step, curve)
    draw_curve(plan.work / f"{course.name}.svg", course.name, curve)
    return step >= plan.steps


def _groups(net: nn.Module) -> list[dict[str, Any]]:
    decay = [p for p in net.parameters() if p.ndim > 1]
    rest = [p for p in net.parameters() if p.ndim <= 1]
    return [{"params": decay, "weight_decay": 0.02}, {"params": rest, "weight_decay": 0.0}]


def _run(
    course: Course, plan: Plan, parts: dict[str, Any], drawing: Drawing, step: int,
    curve: list[dict[str, float]],
) -> int:  # fmt: skip
    net, mean, tuner, pace = parts.values()
    on = device()
    halves = computes_in_halves(on)
    pool = Pool(course.pool * (32 if on.type == "cuda" else 1), on)
    began, first = time.monotonic(), step
    told: list[dict[str, float]] = []
    net.train()
    while step < plan.steps and time.monotonic() - began < plan.slice_s:
        # A drawn batch is worth `reuse` steps; what came beyond that is taken all the same.
        pool.take(drawing, wait=(step - first) % plan.reuse == 0)
        with torch.autocast(on.type, dtype=torch.bfloat16, enabled=halves):
            loss, shown = course.loss_of(net, pool.draw(course.batch))
        tuner.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        tuner.step()
        pace.step()
        mean.update_parameters(net)
        step += 1
        told.append({"loss": float(loss.detach()), **shown})
        if step % min(TELL_EVERY, max(1, plan.steps // 10)) == 0 or step == plan.steps:
            curve.append({"step": step} | _averaged(told))
            told.clear()
            if step % MEASURE_EVERY == 0 or step == plan.steps:
                curve[-1] |= course.measure(mean.module.eval())
            tell(curve[-1], plan.steps, (time.monotonic() - began) / (step - first))
        if step % KEEP_EVERY == 0:
            keep(plan.work / f"{course.name}.pt", parts, step, curve)
    return step


def _averaged(told: list[dict[str, float]]) -> dict[str, float]:
    return {name: round(float(np.nanmean([one[name] for one in told])), 5) for name in told[0]}


def tell(point: dict[str, float], steps: int, step_s: float) -> None:
    """Print where the training is, and how long it takes yet."""
    words = " ".join(f"{name} {value:g}" for name, value in point.items() if name != "step")
    left = (steps - point["step"]) * step_s / 60
    print(f"{point['step']}/{steps} {words} | {step_s * 1000:.0f} ms a step, {left:.0f} min left",
          flush=True)  # fmt: skip


def keep(file: Path, parts: dict[str, Any], step: int, curve: list[dict[str, float]]) -> None:
    """Write a checkpoint, whole or not at all."""
    packed: dict[str, Any] = {name: part.state_dict() for name, part in parts.items()}
    torch.save({**packed, "step": step, "curve": curve}, file.with_suffix(".new"))
    file.with_suffix(".new").replace(file)


def begin_from(file: Path, course: Course, data: Path) -> None:
    """Begin with a checkpoint's weights, or with those of an exported net."""
    on = next(course.net.parameters()).device
    if file.suffix == ".pt":
        take_over(course.net, torch.load(file, weights_only=True, map_location=on)["mean"])
        return
    shown = next(course.supply(data, course.seed, SHOWN))[0]
    x = torch.from_numpy(shown).to(on).permute(0, 3, 1, 2).float() / 255
    anew = course.restore(course.net, file, x.contiguous(memory_format=torch.channels_last))
    print(f"{file.name} taken back; anew: {', '.join(anew) or 'nothing'}", flush=True)


def take_over(net: nn.Module, kept: dict[str, torch.Tensor]) -> None:
    """Begin with another net's weights, each as far as both sizes go.

    What says where in a crop something is, is stretched to a wider one.
    """
    own = net.state_dict()
    for name, value in own.items():
        old = kept.get(f"module.{name}")
        if old is None or old.ndim != value.ndim:
            continue
        if name == "where":
            old = nn.functional.interpolate(old, value.shape[2:], mode="bilinear")
        common = tuple(slice(min(a, b)) for a, b in zip(old.shape, value.shape, strict=True))
        value[common] = old[common].to(value)


def draw_curve(file: Path, name: str, curve: list[dict[str, float]]) -> None:
    """Draw how training went: the loss, and what was measured."""
    charts = []
    for shown, ink in (("loss", "#1f6feb"), ("held out", "#b35900"), ("drawn", "#1a7f37")):
        points = tuple((point["step"], point[shown]) for point in curve if shown in point)
        if len(points) < 2:
            continue
        high = max(value for _, value in points)
        top = 1.0 if shown != "loss" else max(high, 1e-3)
        line = Series(shown, points, ink)
        charts.append(
            Chart(f"{name}: {shown}", "step", shown, (0, points[-1][0]), (0, top), (line,))
        )
    if charts:
        file.write_text(sheet(charts), encoding="utf-8")
