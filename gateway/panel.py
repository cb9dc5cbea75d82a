"""What people see of the gate: the page's view, the health message, the crops, the log's lines.

Law: nothing is shown as recorded before it was. Crops and plate text stay in this process and on
the encrypted desk; nothing personal reaches the log.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from gateway import contract
from gateway.config import Settings
from gateway.core import core, events
from gateway.core.view import view
from gateway.desk import Desk, Note
from gateway.devices.equipment import Equipment
from gateway.errors import GateBusy, JournalUnwritable
from gateway.journal.journal import Stamp
from gateway.journal.recorder import Recorder
from gateway.plates.grammar import kinds_of
from gateway.screen import Screen
from gateway.upkeep import Disk, Upkeep
from gateway.uplink import Uplink

CROPS_MAX: Final = 32
_ENCODE: Final = msgspec.json.Encoder().encode
_LOG: Final = logging.getLogger(__name__)


class Panel:
    """The gate's face."""

    def __init__(
        self,
        settings: Settings,
        recorder: Recorder,
        uplink: Uplink,
        desk: Desk,
        version: str,
        *,
        lessons: Desk,
    ) -> None:
        self._settings = settings
        self._recorder = recorder
        self._uplink = uplink
        self._desk = desk
        self._lessons = lessons
        self._version = version
        self._oldest: tuple[tuple[str, int] | None, int | None] = (None, None)
        self._crops: dict[int, bytes] = {}
        self._notes: dict[int, Note] = {}
        self._lines: dict[int, dict[str, object]] = {}

    def listen(
        self, touch: Callable[[events.Event], None], failed: Callable[[BaseException], None]
    ) -> Screen:
        """Open the guard's page."""
        listen = self._settings.screen
        try:
            screen = Screen(
                listen.host, listen.port, touch, self._crops.get, language=listen.language,
                lanes=[lane.name for lane in self._settings.lane],
                home_province=listen.home_province, failed=failed,
            )  # fmt: skip
        except OSError as error:
            raise GateBusy(
                f"The guard's page cannot listen on {listen.listen} ({error.strerror}): end the"
                " other program, or set another screen.listen."
            ) from error
        screen.start()
        return screen

    # --- Passages ---------------------------------------------------------------------------

    def remember(self, unfinished: Sequence[events.Unfinished]) -> tuple[events.Unfinished, ...]:
        """Put beside passages taken up again what the desk still knows of them."""
        return tuple(replace(passage, plate=self._plate(passage)) for passage in unfinished)

    def _plate(self, passage: events.Unfinished) -> events.PlateRead | None:
        ref = self._recorder.journal.ref(passage.passage)
        note = self._desk.find(ref) if ref else None
        if note is None:
            return None
        self._notes[passage.passage] = note
        if note.crop:
            self._crops[passage.passage] = note.crop
        return note.as_plate(passage.lane)

    def recorded(
        self, records: Sequence[events.Record], crops: Sequence[events.KeepCrop], stamp: Stamp
    ) -> None:
        """Keep plates and crops of what was just written down, and log what is over."""
        changed: set[int] = set()
        for crop in crops:
            self._crops[crop.passage] = crop.jpeg
            self._note(crop.passage, crop=crop.jpeg)
            changed.add(crop.passage)
        while len(self._crops) > CROPS_MAX:
            del self._crops[next(iter(self._crops))]
        for record in records:
            if record.passage is None:
                continue
            if isinstance(record.sealed, contract.SealedPlate):
                assert isinstance(record.body, contract.PlateSeen)
                kind = record.body.plate_kind
                if record.body.status == "typed":
                    # Typed is a text and no kind: what was seen stands, if it fits.
                    seen = self._notes.get(record.passage, Note()).plate_kind
                    kind = seen if seen in kinds_of(record.sealed.text) else ""
                self._note(
                    record.passage, status=record.body.status, text=record.sealed.text,
                    confidence_pct=record.body.confidence_pct,
                    candidates=record.sealed.candidates, plate_kind=kind,
                )  # fmt: skip
                changed.add(record.passage)
            self._log(record.passage, record.body)
        for key in changed:
            ref = self._recorder.journal.ref(key)
            if ref is not None:
                self._keep(ref, self._notes[key], stamp)
        while len(self._notes) > CROPS_MAX:
            del self._notes[next(iter(self._notes))]

    def _keep(self, ref: str, note: Note, stamp: Stamp) -> None:
        """Put a note on the desk; one that the guard read is a lesson too, if it has a crop."""
        self._desk.keep(ref, note, stamp.at_ms)
        is_lesson = note.status == "typed" and note.text and note.crop
        if is_lesson and self._settings.retention.lesson_days:
            self._lessons.keep(ref, note, stamp.at_ms)

    def _note(self, key: int, **changes: Any) -> None:
        note = replace(self._notes.pop(key, Note()), **changes)
        self._notes[key] = note

    def _log(self, key: int, body: contract.Body) -> None:
        """Log one line a passage, once it is over: by its name, with nothing personal."""
        line = self._lines.setdefault(key, {})
        match body:
            case contract.Opened():
                line.update(GATE_LANE=body.lane, GATE_TRAVELLER=body.traveller)
            case contract.Decided():
                line.update(GATE_DECISION=body.decision, GATE_REASONS=",".join(body.reasons))
            case contract.Closed():
                line.update(GATE_HOW=body.how, GATE_PERSONS=body.persons)
                line.update(GATE_PASSAGE=self._recorder.journal.ref(key) or "not recorded")
                _LOG.info("A passage is over.", extra=line)
                del self._lines[key]
        while len(self._lines) > CROPS_MAX:
            del self._lines[next(iter(self._lines))]

    # --- The page and the health message ----------------------------------------------------

    def view(
        self, gate: core.Gate, equipment: Equipment, upkeep: Upkeep, now: float, stamp: Stamp
    ) -> bytes:
        """Make the page's view: the core's, with what only the shell knows."""
        shown = view(gate, now)
        settings = self._settings
        shown.update(
            now_ms=stamp.at_ms,
            compound=settings.compound,
            gate=settings.gate,
            names={"zh": settings.names.zh, "en": settings.names.en},
        )
        by_hand = {lane.name: lane.barrier is None for lane in settings.lane}
        for lane in shown["lanes"]:
            lane["opens_by_hand"] = by_hand[lane["lane"]]
            here = lane["passage"]
            for passage in (*lane["aside"], *([] if here is None else [here])):
                key = passage["key"]
                passage["recorded"] = self._recorder.is_recorded(key)
                if passage["plate"] is not None:  # A foot lane has none.
                    passage["plate"]["crop"] = f"/crop/{key}" if key in self._crops else None
        shown["status"].update(
            link=self._uplink.link,
            waiting=self._uplink.waiting,
            oldest_s=self._oldest_s(stamp),
            clock=stamp.clock,
            disk=upkeep.disk,
            not_recorded=self._recorder.not_recorded,
        )
        ages = {health.device: health.age_s for health in equipment.health()}
        for device in shown["status"]["devices"]:
            if device["age_s"] is None:
                device["age_s"] = ages.get(device["device"])
        return _ENCODE(shown)

    def health(self, boot: str, equipment: Equipment, disk: Disk, stamp: Stamp) -> contract.Health:
        """Make the gate's health message."""
        return contract.Health(
            v=contract.VERSION, boot=boot, at_ms=stamp.at_ms, clock=stamp.clock,
            version=self._version, waiting=self._uplink.waiting_told,
            oldest_s=self._oldest_s(stamp), not_recorded=self._recorder.not_recorded,
            disk=disk, devices=equipment.health(),
        )  # fmt: skip

    def _oldest_s(self, stamp: Stamp) -> float:
        """How long the oldest entry above `committed` has waited."""
        oldest = self._uplink.oldest
        if oldest is None:
            return 0.0
        if oldest != self._oldest[0]:
            self._oldest = oldest, self._moment(*oldest)
        at_ms = self._oldest[1]
        return 0.0 if at_ms is None else max(0, stamp.at_ms - at_ms) / 1000

    def _moment(self, stream: str, seq: int) -> int | None:
        try:
            entries = self._recorder.journal.pending(stream, seq - 1, limit=1)
            return contract.decode_body(entries[0]).at_ms if entries else None
        except (JournalUnwritable, contract.NotUnderstood):
            return None
