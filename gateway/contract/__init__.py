"""What travels between a gate and the centre: topics, messages, their encoding and version.

A leaf: it imports nothing else of ours, and neither cv2, serial nor paho. Both ends read the wire
from this one room. The wire tolerates unknown fields; it refuses unknown shapes.

Law: an entry's envelope never changes. Its hash covers the envelope, the bytes of `open` and the
SHA-256 of `sealed`, so `sealed` can be erased on its day and the chain still verifies.
"""

import hashlib
import re
from typing import Annotated, Final, Literal, TypeAlias, TypeVar

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from gateway.contract.feeds import DayFigures as DayFigures
from gateway.contract.feeds import FeedAlarm as FeedAlarm
from gateway.contract.feeds import FeedDays as FeedDays
from gateway.contract.feeds import FeedHours as FeedHours
from gateway.contract.feeds import FeedNow as FeedNow
from gateway.contract.feeds import Figures as Figures
from gateway.contract.feeds import HourFigures as HourFigures
from gateway.contract.words import AlertState as AlertState
from gateway.contract.words import Clock as Clock
from gateway.contract.words import Decision as Decision
from gateway.contract.words import Digest as Digest
from gateway.contract.words import Hex32 as Hex32
from gateway.contract.words import Hex64 as Hex64
from gateway.contract.words import Name as Name
from gateway.contract.words import Number as Number
from gateway.contract.words import PassageRef as PassageRef
from gateway.contract.words import PassMedium as PassMedium
from gateway.contract.words import PlateStatus as PlateStatus
from gateway.contract.words import Result as Result
from gateway.contract.words import Seq as Seq
from gateway.contract.words import StreamId as StreamId
from gateway.contract.words import Traveller as Traveller
from gateway.contract.words import Way as Way

M = TypeVar("M", bound=Struct)

VERSION: Final = 1
ROOT: Final = f"gatepost/v{VERSION}"
BATCH_MAX: Final = 200
"""Entries in one message, at most."""
FEED_BYTES_MAX: Final = 3500
"""mosquitto 2.0.11's WebSockets needed 100 ms for each 4 KB beyond the first."""

# --- Names and topics -----------------------------------------------------------------------

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")

GateWord: TypeAlias = Literal["entries", "alert", "hello", "status", "health", "ack", "command"]
CENTRAL_STATUS: Final = f"{ROOT}/central/status"


def gate_topic(compound: str, gate: str, word: GateWord) -> str:
    """Name the topic on which a gate and the centre speak of one thing.

    >>> gate_topic("c01", "east", "entries")
    'gatepost/v1/gate/c01/east/entries'
    """
    assert _NAME.fullmatch(compound), compound
    assert _NAME.fullmatch(gate), gate
    return f"{ROOT}/gate/{compound}/{gate}/{word}"


def read_gate_topic(topic: str) -> tuple[str, str, str] | None:
    """Read compound, gate and word back from a topic; None when it is not a gate's.

    >>> read_gate_topic("gatepost/v1/gate/c01/east/hello")
    ('c01', 'east', 'hello')
    """
    parts = topic.split("/")
    if len(parts) != 6 or parts[:3] != ["gatepost", f"v{VERSION}", "gate"]:
        return None
    return parts[3], parts[4], parts[5]


def feed_topic(scope: str, part: str) -> str:
    """Name a feed: scope is `total`, `office/ID`, `compound/ID` or `gate/COMPOUND/GATE`.

    >>> feed_topic("compound/c01", "now")
    'gatepost/v1/feed/compound/c01/now'
    """
    return f"{ROOT}/feed/{scope}/{part}"


def alarm_topic(compound: str, gate: str, alert: str) -> str:
    """Name the retained topic of one open alarm; emptied when it closes."""
    return f"{ROOT}/feed/alarm/{compound}/{gate}/{alert}"


NO_HASH: Final = "0" * 64
"""What the first entry of a stream names as the entry before it."""


def entry_ref(stream: str, seq: int) -> str:
    """Name an entry: its stream and sequence."""
    return f"{stream}/{seq}"


def read_ref(ref: str) -> tuple[str, int]:
    """Read stream and sequence back from an entry's name."""
    stream, _, seq = ref.partition("/")
    return stream, int(seq)


# --- The entry ------------------------------------------------------------------------------


class Entry(Struct, frozen=True, kw_only=True):
    """One thing that happened at a gate, as it is kept and sent."""

    v: int
    stream: Hex32
    seq: Seq
    prev: Hex64
    kind: str
    open: Raw
    seal: Hex64 | UnsetType = UNSET
    """SHA-256 of `sealed`; stays when `sealed` is erased."""
    sealed: bytes | UnsetType = UNSET

    def named(self) -> bool:
        """Tell whether its names are what they must be, lowercase hexadecimal.

        Asked by whatever decodes an entry: patterns on the fields are three times as dear.
        """
        names = self.stream + self.prev + (self.seal or "")
        try:
            return bytes.fromhex(names).hex() == names
        except ValueError:
            return False


def entry_digest(  # noqa: PLR0917 - the envelope's fields, in the order they are hashed.
    v: int, stream: str, seq: int, prev: str, kind: str, open_: bytes, seal: str | None
) -> bytes:
    """Hash an entry for the chain: every field length-prefixed or of fixed size.

    Raises OverflowError for a number that its field does not hold.
    """
    word = kind.encode()
    fields = (
        b"gatepost-entry\0",
        v.to_bytes(2, "big"),
        bytes.fromhex(stream),
        seq.to_bytes(8, "big"),
        bytes.fromhex(prev),
        len(word).to_bytes(2, "big"),
        word,
        len(open_).to_bytes(4, "big"),
        open_,
        bytes.fromhex(seal) if seal else bytes(32),
    )
    return hashlib.sha256(b"".join(fields)).digest()


def entry_hash(  # noqa: PLR0917 - as above.
    v: int, stream: str, seq: int, prev: str, kind: str, open_: bytes, seal: str | None
) -> str:
    """Hash an entry as the next one names it."""
    return entry_digest(v, stream, seq, prev, kind, open_, seal).hex()


def digest_of(entry: Entry) -> bytes:
    """Hash a decoded entry."""
    seal = None if entry.seal is UNSET else entry.seal
    return entry_digest(
        entry.v, entry.stream, entry.seq, entry.prev, entry.kind, bytes(entry.open), seal
    )


def hash_of(entry: Entry) -> str:
    """Hash a decoded entry, as the next one names it."""
    return digest_of(entry).hex()


# --- Bodies: the open part ------------------------------------------------------------------


class Body(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What every body says of its moment; the journal fills it in when it records."""

    at_ms: Number = 0
    """UTC, as the gate's clock had it."""
    mono_ms: Number = 0
    """Milliseconds since the gate's boot; orders and mends `at_ms` within a boot."""
    clock: Clock = "unset"
    passage: PassageRef | None = None


class Started(Body, frozen=True, kw_only=True, omit_defaults=True):
    """First entry of every stream: names the stream before it."""

    compound: Name
    gate: Name
    boot: str
    """The kernel's boot id: streams of one boot share `mono_ms`."""
    version: str
    before: StreamId | None = None
    before_last: int = 0
    salvaged: bool = False
    """The journal was read out of a broken file: `before_last` is what was found of `before`, and
    more of it, or whole streams after it, may have been recorded and be gone."""


class Opened(Body, frozen=True, kw_only=True, omit_defaults=True):
    """A vehicle or a person on foot came; central counts the passage by this entry."""

    lane: Name
    way: Way
    traveller: Traveller
    witness: Literal["track", "distance", "loop", "window", "guard"]


class ReadingTaken(Body, frozen=True, kw_only=True, omit_defaults=True):
    """A person's temperature was judged; without `passage` nobody knew whose it was."""

    lane: Name | None = None
    device: str
    person: Number = 0
    """1, 2, ... within the passage; 0 while unassigned."""
    attempt: int = 1
    site: Literal["forehead", "wrist", "neck", "contact"] = "forehead"
    result: Result
    flags: tuple[str, ...] = ()


class PlateSeen(Body, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of the passage's plate; a later one replaces it."""

    status: PlateStatus
    plate_kind: str = ""
    confidence_pct: int = 0


class Decided(Body, frozen=True, kw_only=True, omit_defaults=True):
    """The passage's decision; the one with the highest revision is the latest."""

    decision: Decision
    revision: Annotated[int, Meta(ge=1, le=1 << 53)]
    reasons: tuple[str, ...] = ()
    persons: int = 0
    advice: Decision | None = None
    """What was advised, when the guard decided otherwise."""


class PassPresented(Body, frozen=True, kw_only=True, omit_defaults=True):
    """A pass was held to a reader; without `passage` nobody knew whose it was.

    What stands on it is in the sealed part. No list was asked: whether it is worth anything is
    not said here.
    """

    lane: Name
    device: str
    medium: PassMedium


class Closed(Body, frozen=True, kw_only=True, omit_defaults=True):
    """The passage is over."""

    how: Literal["left", "next", "timeout", "interrupted", "turned"]
    persons: int = 0


class AlertChanged(Body, frozen=True, kw_only=True, omit_defaults=True):
    """An alert's change of state; the `alert` message is this entry, byte for byte."""

    alert: Name
    what: str
    priority: Annotated[int, Meta(ge=1, le=3)]
    state: AlertState
    lane: Name | None = None
    device: str | None = None
    by: str | None = None
    """Role or place of the one who acknowledged, never a person's name."""


class BarrierPulsed(Body, frozen=True, kw_only=True, omit_defaults=True):
    """The gateway pulsed *open*."""

    lane: Name
    how: Literal["guard", "itself", "emergency"]


class DeviceChanged(Body, frozen=True, kw_only=True, omit_defaults=True):
    """A device came, went or failed."""

    device: str
    state: Literal["ok", "silent", "faulty", "lost"]
    reason: str = ""


class Calibrated(Body, frozen=True, kw_only=True, omit_defaults=True):
    """A thermometer's calibration is in use from now on; who made it is in the sealed part."""

    device: Name
    name: str
    method: Literal["field", "blackbody"]
    points: int
    offset_centi_c: int
    made_ms: int
    expires_ms: int


class ClockJumped(Body, frozen=True, kw_only=True, omit_defaults=True):
    """The wall clock was set: `at_ms` of this boot's earlier entries is off by `jump_ms`."""

    boot: str
    jump_ms: Number
    was: Clock


class Tombstone(Body, frozen=True, kw_only=True, omit_defaults=True):
    """Entries this gate no longer holds, and why; central fills them as LOST."""

    stream: StreamId
    first: Seq
    last: Seq
    reason: str


class Unrecorded(Body, frozen=True, kw_only=True, omit_defaults=True):
    """Entries that were shown as NOT RECORDED and fell out of the ring before they could be."""

    entries: int


class Answered(Body, frozen=True, kw_only=True, omit_defaults=True):
    """A command was taken: central need not send it again."""

    command: str
    outcome: Literal["done", "nothing"]
    """`nothing`: what it names was not so, or no longer."""


class Voided(Body, frozen=True, kw_only=True, omit_defaults=True):
    """An entry was made in error; it is named, never changed."""

    entry: str
    reason: str


KINDS: Final[dict[str, type[Body]]] = {
    "started": Started,
    "opened": Opened,
    "reading": ReadingTaken,
    "plate": PlateSeen,
    "decided": Decided,
    "pass": PassPresented,
    "closed": Closed,
    "alert": AlertChanged,
    "barrier": BarrierPulsed,
    "device": DeviceChanged,
    "calibrated": Calibrated,
    "clock": ClockJumped,
    "tombstone": Tombstone,
    "unrecorded": Unrecorded,
    "answered": Answered,
    "voided": Voided,
}
_KIND_OF: Final = {body: kind for kind, body in KINDS.items()}

# --- Bodies: the sealed part ----------------------------------------------------------------


class _Private(Struct, frozen=True):
    """What must not slip into a log by its repr."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(...)"


class SealedReading(_Private, frozen=True, kw_only=True, omit_defaults=True):
    """A person's temperature, in hundredths of a degree Celsius."""

    raw_centi_c: int | None = None
    estimate_centi_c: int | None = None
    uncertainty_centi_c: int | None = None
    ambient_centi_c: int | None = None
    typed: bool = False


class SealedPlate(_Private, frozen=True, kw_only=True, omit_defaults=True):
    """A plate's text as it was read, and what else it may be."""

    text: str
    candidates: tuple[str, ...] = ()


class SealedOverride(_Private, frozen=True, kw_only=True, omit_defaults=True):
    """Who decided against the advice, and why."""

    operator: str
    reason: str


class SealedPass(_Private, frozen=True, kw_only=True, omit_defaults=True):
    """What a reader read of a pass: a code's text, a tag's number, or a card's name and number."""

    text: str
    """Of an identity card its number, whole only where the site has set so."""
    name: str = ""


class SealedCalibration(_Private, frozen=True, kw_only=True, omit_defaults=True):
    """Who calibrated, and against what."""

    by: str
    reference: str


Sealed: TypeAlias = SealedReading | SealedPlate | SealedOverride | SealedPass | SealedCalibration
SEALED: Final[dict[str, type[Struct]]] = {
    "reading": SealedReading,
    "plate": SealedPlate,
    "decided": SealedOverride,
    "pass": SealedPass,
    "calibrated": SealedCalibration,
}

# --- Messages -------------------------------------------------------------------------------


class Held(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A stream that a gate holds: entries `first` to `last`."""

    stream: StreamId
    first: Seq
    last: Seq


class Lost(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A range that a gate no longer holds."""

    stream: StreamId
    first: Seq
    last: Seq
    reason: str = ""


class Hello(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a gate holds above `safe`; 100 streams a message, `more` when others follow."""

    v: int
    boot: str
    held: tuple[Held, ...] = ()
    lost: tuple[Lost, ...] = ()
    more: bool = False


class Mark(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far a stream has come at central: `committed` is a hint and may fall, `safe` a word."""

    stream: StreamId
    committed: int
    safe: int
    lost: tuple[tuple[Seq, Seq], ...] = ()
    """Ranges up to `committed` that central took for lost, the oldest 100: whoever holds such an
    entry all the same, as a restored card may, takes it for not committed and sends it."""


class Ack(Struct, frozen=True, kw_only=True):
    """Central's answer to entries and to hello."""

    v: int
    boot: str
    marks: tuple[Mark, ...]


class Status(Struct, frozen=True, kw_only=True):
    """Birth and last will of a gate or of central, retained."""

    v: int
    online: bool
    boot: str
    at_ms: int
    version: str


class DeviceHealth(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One device, and what of its bytes was refused, by reason."""

    device: str
    kind: str
    state: str
    age_s: float | None = None
    refusals: dict[str, int] = {}


class Health(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a gate fares, retained, on change and at least each minute."""

    v: int
    boot: str
    at_ms: int
    clock: Clock
    version: str
    waiting: int
    """Entries above `committed`."""
    oldest_s: float = 0.0
    not_recorded: int = 0
    disk: Literal["ok", "low", "full", "unwritable"] = "ok"
    devices: tuple[DeviceHealth, ...] = ()


class Command(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Central asks a gate for something; sent again until an entry answers it."""

    v: int
    id: str
    expires_ms: int
    what: Literal["acknowledge"]
    alert: Name | None = None
    by: str | None = None


# --- Encode and decode ----------------------------------------------------------------------

_ENCODER: Final = msgspec.json.Encoder()
_ENTRY: Final = msgspec.json.Decoder(Entry)
_ENTRIES: Final = msgspec.json.Decoder(list[Entry])
_BATCH: Final = msgspec.json.Decoder(list[Raw])
_BODIES: Final = {kind: msgspec.json.Decoder(body) for kind, body in KINDS.items()}
encode = _ENCODER.encode
"""Encode any message or body as JSON bytes."""


UNREADABLE: Final = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)
"""What msgspec raises for bytes that are not of a contract: wrong, nested too deep, no UTF-8."""


class NotUnderstood(ValueError):  # noqa: N818 - a word of the wire, read beside REPEAT and CONFLICT.
    """A message or body that is not of this contract; the text says where and why."""


def kind_of(body: Body) -> str:
    """Name a body's kind."""
    return _KIND_OF[type(body)]


def decode_batch(payload: bytes) -> list[Entry | NotUnderstood]:
    """Decode an `entries` message; one bad entry never rejects its batch.

    Raises NotUnderstood when the payload is no JSON array of at most BATCH_MAX elements.
    """
    try:
        entries = _ENTRIES.decode(payload)
    except UNREADABLE:
        return _one_by_one(payload)
    if len(entries) > BATCH_MAX:
        raise NotUnderstood(f"entries: {len(entries)} in one message, at most {BATCH_MAX}")
    if not all(map(Entry.named, entries)):
        return _one_by_one(payload)
    return list(entries)


def _one_by_one(payload: bytes) -> list[Entry | NotUnderstood]:
    try:
        raws = _BATCH.decode(payload)
    except UNREADABLE as error:
        raise NotUnderstood(f"entries: {error}") from error
    if len(raws) > BATCH_MAX:
        raise NotUnderstood(f"entries: {len(raws)} in one message, at most {BATCH_MAX}")
    return [_entry_or_fault(raw) for raw in raws]


def decode_entry(payload: bytes | Raw) -> Entry:
    """Decode one entry; raises NotUnderstood."""
    try:
        entry = _ENTRY.decode(payload)
    except UNREADABLE as error:
        raise NotUnderstood(f"entry: {error}") from error
    if not entry.named():
        raise NotUnderstood("entry: a stream or digest is no lowercase hexadecimal")
    return entry


def _entry_or_fault(raw: Raw) -> Entry | NotUnderstood:
    try:
        return decode_entry(raw)
    except NotUnderstood as fault:
        return fault


def decode_body(entry: Entry) -> Body:
    """Decode an entry's open part; raises NotUnderstood for a later version or an unknown kind."""
    if entry.v != VERSION or entry.kind not in _BODIES:
        raise NotUnderstood(f"entry of version {entry.v}, kind {entry.kind!r}")
    try:
        return _BODIES[entry.kind].decode(entry.open)
    except UNREADABLE as error:
        raise NotUnderstood(f"{entry.kind}: {error}") from error


def decode(payload: bytes, message: type[M]) -> M:
    """Decode any other message; raises NotUnderstood, for a later version too."""
    try:
        found = msgspec.json.decode(payload, type=message)
    except UNREADABLE as error:
        raise NotUnderstood(f"{message.__name__}: {error}") from error
    version = getattr(found, "v", VERSION)
    if version != VERSION:
        raise NotUnderstood(f"{message.__name__}: version {version}, this end speaks {VERSION}")
    return found
