"""The gateway's process: one loop, and the threads that feed it.

Law: the loop takes all that is queued, steps each event, commits all their entries in one
transaction, and only then shows, publishes and acts. If the commit fails, decisions are shown as
NOT RECORDED, nothing opens by itself, and the entries wait in a bounded ring.

Threads exist only where something blocks; each reports what ended it, and the process ends for
systemd to start it again. The watchdog is fed by this loop alone, once it has looked at the others.
"""

import contextlib
import logging
import os
import random  # noqa: TID251 - jitter of the link, which decides nothing.
import secrets  # noqa: TID251 - the stream's id.
import signal
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import monotonic  # noqa: TID251 - the shell: here `now` begins.
from typing import Any, Final, Protocol

from gateway import clock, commands, config, contract, folder, mqtt, seal, systemd
from gateway.calibration.told import Instruments
from gateway.config import Settings
from gateway.core import core, events
from gateway.desk import DESK, LESSONS, Desk
from gateway.devices.equipment import Equipment
from gateway.errors import GateError, JournalUnwritable, PartHung
from gateway.inbox import Inbox
from gateway.journal import folding
from gateway.journal.journal import Journal, Stamp
from gateway.journal.recorder import Recorder
from gateway.panel import Panel
from gateway.starts import Starts
from gateway.upkeep import Upkeep
from gateway.uplink import Out, Pace, Uplink
from gateway.watch import Watch
from gateway.writing import Writing

SHOW_S: Final = 1.0
"""The page counts itself NOT LIVE after 3 s without a view."""
SHOW_S_MIN: Final = 0.2
DRAIN_S: Final = 5.0

_SET_ASIDE: Final = events.Record(
    contract.DeviceChanged(device="journal", state="faulty", reason="set_aside")
)
_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Ended:
    """A thread ended; the process must too."""

    who: str
    error: BaseException


@dataclass(slots=True)
class _Turn:
    """What one round of the loop is to record and do."""

    records: list[events.Record] = field(default_factory=list)
    pulses: list[events.PulseBarrier] = field(default_factory=list)
    crops: list[events.KeepCrop] = field(default_factory=list)
    touched: bool = False


def installed_version() -> str:
    """Give the version of this program, as every health message does."""
    try:
        return version("gatepost")
    except PackageNotFoundError:
        return "0.0.0+checkout"


def local_day(at_ms: int, zone: tzinfo) -> range:
    """Give the milliseconds since 1970 of the local day that a moment is in."""
    local = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)).astimezone(zone)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    return range(*(int(day.timestamp() * 1000) for day in (midnight, midnight + timedelta(days=1))))


def _end_of(thread: _Ended) -> Exception:
    error = RuntimeError(f"The thread {thread.who} ended.")
    error.__cause__ = thread.error
    return error


def _say_why(error: Exception) -> None:
    """Say what ends the process, at once: what hangs may keep it from coming to its end."""
    if isinstance(error, GateError):
        systemd.notify(f"STATUS={error}")
        _LOG.critical("The gate cannot work.", extra={"GATE_REASON": str(error)})
    else:
        _LOG.critical("The gate's process ends.", exc_info=error)


class Actuator(Protocol):
    """What can pulse a lane's barrier."""

    def pulse(self, lane: str, ordered_s: float) -> None:
        """Open once, unless it was ordered too long ago; must not block."""


class Service:
    """One gate, running."""

    def __init__(self, settings: Settings, actuator: Actuator | None = None) -> None:
        self.settings = settings
        self.inbox = Inbox()
        self._stack = contextlib.ExitStack()
        self._actuator = actuator
        self._stopping = False
        self._boot = clock.kernel_boot()
        self._version = installed_version()
        self._clock = clock.Clock(state=folder.clock_state(settings))
        self._wake_at: float | None = None
        self._shown_s = 0.0
        self._told: dict[type, events.Event] = {}
        self._commands = commands.Commands()
        self._refused_due = 1
        self._day_ms = range(0)
        """The local day that the guard's tally is of."""

    # --- Starting and ending ----------------------------------------------------------------

    def run(self) -> None:
        """Run until SIGTERM or SIGINT; raises GateError before it is open, SystemExit after it."""
        with self._stack:
            self._stack.callback(Watch.close)  # Last of all: what hangs may hang the end, too.
            Watch.starting()
            self._open()
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, self._stop)
            systemd.notify("READY=1", f"STATUS={self.screen.url}")
            _LOG.info("The gate is open for work.", extra={"GATE_SCREEN": self.screen.url})
            self.watch.arm()
            try:
                while not self._stopping:
                    self.turn(self.inbox.take(self._wait_s()))
                    self.watch.turned(monotonic())
                self._end()
            except Exception as error:
                self.watch.ending()
                _say_why(self._cause(error))
                raise SystemExit(1) from error

    def _stop(self, *_: object) -> None:
        self._stopping = True
        self.inbox.put(events.Woke())

    def _open(self) -> None:
        settings = self.settings
        where = config.data_folder(settings)
        self._stack.callback(os.close, folder.lock(where))
        stamp, _ = self._clock.look()
        self._starts = Starts(where / "starts.json", self._boot, stamp.mono_ms)
        journal = Journal.open(
            where / "journal.db", compound=settings.compound, gate=settings.gate,
            boot=self._boot, version=self._version, new_stream=lambda: secrets.token_hex(16),
            seal=seal.sealer(Path(settings.seal.public_key_file)), or_refuse=True,
            alive=Watch.starting,
        )  # fmt: skip
        self._stack.callback(journal.close)
        self.journal = journal
        self.instruments = Instruments(where, settings.thermometer)
        self.recorder = Recorder(journal, settings.retention.ring)
        key = folder.desk_key(settings)
        self.desk, self.lessons = (Desk.open(where / name, key) for name in (DESK, LESSONS))
        self._stack.callback(self.desk.close)
        self._stack.callback(self.lessons.close)
        self.uplink = self._new_uplink()
        self.upkeep = Upkeep(
            where, journal, self.uplink, self.desk, settings.retention, self.lessons
        )
        self.writing = Writing(self.recorder, self.upkeep, monotonic(), self._reopened)
        self.panel = Panel(
            settings, self.recorder, self.uplink, self.desk, self._version, lessons=self.lessons
        )
        self.equipment = Equipment(settings, self.inbox, self._ended)
        self.screen = self.panel.listen(self._touched, self._ended("screen"))
        self._stack.callback(self.screen.close)
        self._begin(stamp)
        self._stack.callback(self.equipment.stop)
        self.equipment.start()
        self.link = self._new_link(stamp)
        self._stack.callback(self.link.close)
        self.link.start()
        self.watch = Watch(
            (self.writing.ailing, self.equipment.ailing, self.link.ailing, self.screen.ailing),
            systemd.watchdog_s(),
        )

    def _begin(self, stamp: Stamp) -> None:
        """Take unfinished passages up again, unless that may be what killed us."""
        unfinished: tuple[events.Unfinished, ...] = ()
        if self._starts.resumes:
            unfinished = self.panel.remember(self.journal.unfinished(stamp))
        else:
            _LOG.error("Two deaths within a minute: starting without resuming.")
        self.gate = core.begin(
            self.settings.lanes, self.settings.limits, first_key=len(unfinished) + 1
        )
        before = self.journal.newest_moment()
        if before is not None and (jump := clock.jump_between(before, stamp)) is not None:
            # The clock was set while nobody looked: central mends this boot's days by it.
            self.inbox.put(self._jump_record(jump))
        told: list[Any] = self.instruments.first_used(self.journal.since)
        told += [events.ClockChanged(stamp.clock), *self.instruments.news(stamp.at_ms)]
        if unfinished:
            told.append(events.Resumed(unfinished))
        self._say_set_aside()
        for event in told:
            self.inbox.put(event)

    def _new_uplink(self) -> Uplink:
        limits = self.settings.uplink
        pace = Pace(
            window=limits.window, batch=limits.batch, patience_s=limits.patience_s,
            patience_s_max=limits.patience_s_max, spread_s=limits.spread_s,
            health_s=limits.health_s,
        )  # fmt: skip
        return Uplink(
            self.journal, compound=self.settings.compound, gate=self.settings.gate,
            boot=self._boot, version=self._version, jitter=random.random, pace=pace,
        )  # fmt: skip

    def _new_link(self, stamp: Stamp) -> mqtt.Link:
        broker = self.settings.broker
        tls = None
        if broker.tls:
            tls = mqtt.tls_context(broker.ca_file, broker.cert_file, broker.key_file)
        address = mqtt.Address(
            broker.host, broker.port, f"gate-{self.settings.compound}-{self.settings.gate}",
            broker.username, config.password(broker), tls,
            broker.keepalive_s, broker.reconnect_s_max,
        )  # fmt: skip
        return mqtt.Link(
            address,
            subscriptions=[*(self._topic(word) for word in ("ack", "command", "status")),
                           contract.CENTRAL_STATUS],
            will=self._farewell(stamp), news=self.inbox.put, failed=self._ended("mqtt"),
            jitter=random.random,
        )  # fmt: skip

    def _end(self) -> None:
        """Stop what feeds the queue, take what is left in it, and say goodbye."""
        systemd.notify("STOPPING=1")
        self.watch.ending()
        self.screen.refuse_touches()
        self.equipment.stop()
        deadline = monotonic() + DRAIN_S
        while items := self.inbox.take(0.0):
            self.turn(items)
            if monotonic() >= deadline:
                break
        if self.uplink.link != "down":
            stamp, _ = self._clock.look()
            self.link.send([self._farewell(stamp)])
        if self.recorder.not_recorded:
            _LOG.error(
                "Entries were never recorded: the journal took none until the end.",
                extra={"GATE_ENTRIES": self.recorder.not_recorded},
            )
        self._starts.ended()

    def _farewell(self, stamp: Stamp) -> Out:
        status = contract.Status(
            v=contract.VERSION, online=False, boot=self._boot, at_ms=stamp.at_ms,
            version=self._version,
        )  # fmt: skip
        return Out(self._topic("status"), contract.encode(status), retain=True)

    def _topic(self, word: Any) -> str:
        return contract.gate_topic(self.settings.compound, self.settings.gate, word)

    def _ended(self, who: str) -> Any:
        """Give the function by which a thread reports what ended it."""
        return lambda error: self.inbox.put(_Ended(who, error))

    def _cause(self, error: Exception) -> Exception:
        """Prefer what a thread that was found dead has itself said of its end meanwhile."""
        queued = self.inbox.take(0.0) if isinstance(error, PartHung) else []
        return next((_end_of(item) for item in queued if isinstance(item, _Ended)), error)

    # --- The loop ---------------------------------------------------------------------------

    def turn(self, items: list[Any]) -> None:
        """Take all that is queued: step, record, and only then show, publish and act."""
        now = monotonic()
        stamp, jump = self._clock.look()
        turn = _Turn()
        if jump is not None:
            self._jumped(jump, turn, now)
        for item in items:
            if isinstance(item, events.Record):
                turn.records.append(item)
                continue
            if isinstance(item, contract.Command):
                self._obey(item, turn, now, stamp)
                continue
            for event in self._events(item, now):
                turn.touched |= not isinstance(event, (events.SampleTaken, events.Woke))
                self._step(event, now, turn)
        if self._wake_at is not None and now >= self._wake_at:
            self._step(events.Woke(), now, turn)
        entries = self.writing.record(turn.records, now, stamp)
        self.panel.recorded(turn.records, turn.crops, stamp)
        self.uplink.recorded(entries, now)
        self._show(turn, now, stamp)
        self.uplink.tell(self.panel.health(self._boot, self.equipment, self.upkeep.disk, stamp))
        self.link.send(self.uplink.due(now, stamp.at_ms))
        self._act(turn, now)
        if self.uplink.fault is not None:
            self.writing.unreadable(self.uplink.fault, now)
        self.upkeep.look(now, stamp, self.recorder.fault)
        self._tell_changes(stamp)

    def _step(self, event: events.Event, now: float, turn: _Turn) -> None:
        step = core.step(self.gate, event, now)
        self.gate, self._wake_at = step.gate, step.wake_at
        for effect in step.effects:
            match effect:
                case events.Record():
                    turn.records.append(effect)
                case events.PulseBarrier():
                    turn.pulses.append(effect)
                case events.KeepCrop():
                    turn.crops.append(effect)

    def _events(self, item: Any, now: float) -> list[events.Event]:
        """Read an item of the queue as events of the core; the link's news end here."""
        match item:
            case _Ended():
                raise _end_of(item)
            case mqtt.LinkUp():
                _LOG.info("The broker answers.")
                self.uplink.connected(now)
            case mqtt.LinkDown():
                broker = self.settings.broker
                address = f"{broker.host}:{broker.port}"
                _LOG.warning(
                    "The broker is away.",
                    extra={"GATE_REASON": item.reason, "GATE_BROKER": address},
                )
                self.uplink.disconnected(now)
            case mqtt.PublishRefused():
                _LOG.error(
                    "The broker refuses what this gate sends: mend its access list.",
                    extra={"GATE_TOPIC": item.topic, "GATE_REASON": item.reason},
                )
            case mqtt.Heard():
                command = self.uplink.heard(item.topic, item.payload, now)
                self._tell_refused(item.topic)
                if command is not None:
                    self.inbox.put(command)
            case _:
                return [item]
        return []

    def _tell_refused(self, topic: str) -> None:
        """Say that messages are not understood: the first, the tenth, the hundredth and so on."""
        refused = self.uplink.refused
        if refused >= self._refused_due:
            self._refused_due *= 10
            _LOG.warning(
                "A message is not understood: bring this gate and the centre to one version.",
                extra={"GATE_TOPIC": topic, "GATE_REFUSED": refused},
            )

    def _obey(self, command: contract.Command, turn: _Turn, now: float, stamp: Stamp) -> None:
        """Obey a command once, and write down what came of it."""
        event = self._commands.take(command, stamp)
        if event is not None:
            before = len(turn.records)
            self._step(event, now, turn)
            turn.records.append(commands.answer(command, turn.records[before:]))

    def _jumped(self, jump: clock.Jump, turn: _Turn, now: float) -> None:
        turn.records.append(self._jump_record(jump))
        self._step(events.ClockChanged(jump.clock, jump.jump_ms), now, turn)

    def _jump_record(self, jump: clock.Jump) -> events.Record:
        return events.Record(
            contract.ClockJumped(boot=self._boot, jump_ms=jump.jump_ms, was=jump.was)
        )

    def _reopened(self) -> None:
        """Take note that the journal was opened afresh after a fault."""
        self.uplink.reloaded()
        self._say_set_aside()

    def _say_set_aside(self) -> None:
        """Say what became of a file that would not open, to the log and to the centre."""
        if self.journal.set_aside is None:
            return
        saved = self.journal.saved
        _LOG.error(
            "The journal would not open: it was set aside, and what can be read taken over.",
            extra={
                "GATE_FILE": self.journal.set_aside.name, "GATE_SAVED": saved.entries,
                "GATE_LOST": saved.lost, "GATE_ASIDE_DELETED": saved.dropped,
            },
        )  # fmt: skip
        self.inbox.put(_SET_ASIDE)

    def _show(self, turn: _Turn, now: float, stamp: Stamp) -> None:
        since_s = now - self._shown_s
        if turn.touched or turn.records or since_s >= SHOW_S_MIN:
            self._shown_s = now
            self.screen.show(self.panel.view(self.gate, self.equipment, self.upkeep, now, stamp))

    def _touched(self, event: events.Event) -> None:
        """Take a touch, on the page's own thread; an emergency waits for no loop and no journal."""
        if isinstance(event, events.EmergencyTouched):
            self._pulse(event.lane, monotonic())
        self.inbox.put(event)

    def _pulse(self, lane: str, ordered_s: float) -> None:
        (self._actuator or self.equipment).pulse(lane, ordered_s)

    def _act(self, turn: _Turn, now: float) -> None:
        for pulse in turn.pulses:
            if pulse.how == "itself" and self.recorder.fault is not None:
                continue
            if pulse.how != "emergency":  # That was done when it was touched.
                self._pulse(pulse.lane, now)

    def _tell_changes(self, stamp: Stamp) -> None:
        """Queue for the core what has changed around it."""
        changes: list[events.Event] = [
            events.LinkChanged(self.uplink.link),
            events.DiskChanged(self.upkeep.disk),
            events.RecordingChanged(self.recorder.not_recorded),
        ]
        for news in self.instruments.news(stamp.at_ms):
            self.inbox.put(news)
        for change in changes:
            if self._told.get(type(change)) != change:
                self._told[type(change)] = change
                self.inbox.put(change)
        if stamp.at_ms not in self._day_ms:
            self._day_ms = local_day(stamp.at_ms, self.settings.zone)
            self.inbox.put(events.DayBegan(self._counted_since(self._day_ms.start)))

    def _counted_since(self, at_ms: int) -> events.Tally:
        try:
            return folding.tally(self.journal.since(at_ms, folding.TALLIED))
        except JournalUnwritable:
            return events.NOTHING_YET

    def _wait_s(self) -> float:
        """How long the loop may sleep when nothing comes."""
        moments = [self._shown_s + SHOW_S, self.upkeep.wake_at, self.writing.wake_at]
        moments += [at for at in (self._wake_at, self.uplink.wake_at) if at is not None]
        return max(0.0, min(moments) - monotonic())
