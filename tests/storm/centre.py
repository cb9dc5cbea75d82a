"""The centre: its real loop's steps, ledger, backups and feeds, over a simulated link and disk."""

import contextlib
from pathlib import Path
from typing import Any, Final

import msgspec

from central import backup, config, service
from central.errors import CentralError
from central.keeping import BackedUp
from central.ledger import Ledger
from central.service import Centre
from central.subscriber import Arrived, LinkChanged
from gateway import contract
from tests.storm.disk import Card, Crash, Mortal

WORK_S: Final = 45.0
"""What comes within this time is worked on together."""
RESTART_S: Final = 30.0
RETRY_S: Final = 600.0
"""A ledger that takes nothing is asked this often; the real centre asks each second. Each time it
takes all that is in hand anew: at 120 s that was half of what a day absorbed."""
BACKUPS: Final = 2
LOOKED_S: Final = 120.0
"""So soon after a start its feeds are looked at: what it says before it has heard enough."""


def site_of(places: list[tuple[str, str]]) -> config.Site:
    """Describe the site."""

    def words(text: str) -> dict[str, str]:
        return {"zh": text, "en": text}

    return msgspec.convert(
        {
            "names": words("site"), "zone": "Asia/Shanghai",
            "city": [{"id": "bz", "names": words("bz")}],
            "office": [{"id": f"o{n}", "names": words(f"o{n}")} for n in range(2)],
            "compound": [
                {"id": compound, "office": f"o{nth % 2}", "city": "bz", "names": words(compound),
                 "gate": [{"id": gate, "names": words(gate)}]}
                for nth, (compound, gate) in enumerate(places)
            ],
        },
        config.Site,
    )  # fmt: skip


def _died(error: BaseException) -> None:
    raise error


class House(Mortal):
    """The machine on which the centre runs."""

    def __init__(self, site: Any, places: list[tuple[str, str]], root: Path, card: Card) -> None:
        self._site = site
        self.card = card
        self.backups = root / "backups"
        self.settings = msgspec.convert(
            {
                "site_file": "site.toml", "data_dir": str(card.folder),
                "broker": {"url": "mqtt://127.0.0.1:1", "websockets_url": "ws://127.0.0.1:1"},
                "backup": {"directory": str(self.backups), "count": BACKUPS},
                "feeds": {"every_s": 2.0, "heard_s": 300.0},
            },
            config.Settings,
        )  # fmt: skip
        self._places = config_site = site_of(places)
        assert config_site.gates
        self.ledger: Ledger | None = None
        self.centre: Centre | None = None
        self.connected = False
        self.boots = 0
        self._working = False
        card.trap = self._pass

    # --- Life and death ---------------------------------------------------------------------

    def start(self) -> None:
        """Open the ledger, take over the backups, connect."""
        if self.centre is not None:
            return
        self.boots += 1
        try:
            self.ledger = Ledger.open(self.card.database)
        except CentralError as error:
            self._site.log("centre cannot start", str(type(error).__name__))
            self._site.after(RESTART_S, self.start)
            return
        self.centre = Centre(self.settings, self._places, self.ledger, f"central-{self.boots}")
        self.centre._keeping._start = lambda work, _died: work()  # type: ignore[method-assign]
        self._site.checker.centre_started(self)
        self.centre._keeping.take_over(self.centre.inbox.put, _died)
        self._drain()
        self.connect()
        self._site.after(LOOKED_S, self.tick)

    def die(self) -> None:
        """Die at once; the broker says so to everybody."""
        if self.centre is None:
            return
        assert self.ledger is not None
        self.card.cut_off(self.ledger.close)
        self.centre = self.ledger = self.trap = None
        self._farewell()

    def _farewell(self) -> None:
        self.connected = False
        if self._site.broker.centre_session:
            self._site.broker.centre_session = 0
            status = contract.Status(
                v=contract.VERSION, online=False, boot=f"central-{self.boots}",
                at_ms=self._site.at_ms(), version="storm",
            )  # fmt: skip
            self._site.broker.from_centre(
                contract.CENTRAL_STATUS, contract.encode(status), retain=True
            )

    def _gone(self) -> None:
        self._site.log("centre died")
        self.die()
        self._site.after(RESTART_S, self.start)

    # --- The link ---------------------------------------------------------------------------

    def connect(self) -> None:
        """Connect, if there is a broker; what is retained comes at once."""
        broker = self._site.broker
        if self.centre is None or not broker.up or self.connected:
            return
        self._site.sessions += 1
        session = broker.centre_session = self._site.sessions
        self.connected = True
        try:
            self.centre._take(LinkChanged(True, "connected"), self)
        except Crash:
            self._gone()
            return
        for topic, payload in list(broker.retained.items()):
            self.hear(topic, payload, session, retained=True)

    def link_lost(self) -> None:
        """Take note that the broker is gone."""
        if self.connected and self.centre is not None:
            self.connected = False
            self.centre._take(LinkChanged(False, "gone"), self)

    def hear(self, topic: str, payload: bytes, session: int, *, retained: bool = False) -> None:
        """Take a message in."""
        if self.centre is None or session != self._site.broker.centre_session:
            return
        arrived = Arrived(topic, payload, retained, 1, session, self._site.clock.now)
        self.centre._take(arrived, self)
        if self.centre._in_hand and not self._working:
            self._working = True
            self._site.after(WORK_S, self._work)

    def _work(self) -> None:
        self._working = False
        if self.centre is None:
            return
        try:
            while self.centre._in_hand:
                before = len(self.centre._in_hand)
                self.centre._work(self)
                if len(self.centre._in_hand) == before:
                    self._working = True
                    self._site.after(RETRY_S, self._work)
                    return
        except Crash:
            self._gone()

    # What the centre takes for its link.

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Send to the broker."""
        if self.trap is not None:
            self._pass("before publish")
        if self.connected:
            if topic.endswith("/ack"):
                self._site.checker.acknowledged(topic, payload)
            self._site.broker.from_centre(topic, payload, retain=retain)

    def acknowledge(self, message: Arrived) -> None:
        """Tell the broker that a message is ours: from here on nobody else will keep it."""
        self._site.checker.absorbed(message.topic, message.payload)

    def alive(self) -> bool:
        """Say that the link's thread lives."""
        return True

    def stop_listening_to_feeds(self) -> None:
        """Leave the feeds."""

    # --- Now and then -----------------------------------------------------------------------

    def tick(self) -> None:
        """Publish what changed."""
        if self.centre is not None:
            try:
                self.centre._tick(self, self._site.clock.now)
                self._drain()
            except Crash:
                self._gone()

    def back_up(self) -> None:
        """Make a backup, and promise what is in all that are kept."""
        if self.centre is not None:
            self.centre.inbox.put(self.centre._keeping._back_up(self._site.at_ms()))
            try:
                self._drain()
            except Crash:
                self._gone()

    def _drain(self) -> None:
        """Take over backups, as the centre's loop does."""
        assert self.centre is not None
        while not self.centre.inbox.empty():
            item = self.centre.inbox.get()
            assert isinstance(item, BackedUp), item
            self._site.checker.backed_up(self.kept())
            self.centre._take(item, self)

    def kept(self) -> list[str]:
        """Name the backups that are there, oldest first."""
        return [path.name for path in backup.backups(self.backups)]

    # --- What is done to it -----------------------------------------------------------------

    def restore(self, nth: int) -> str | None:
        """Put a backup in the ledger's place: -1 the newest, 0 the oldest; None: there is none."""
        self.die()
        kept = self.kept()
        if not kept:
            return None
        name = kept[max(nth, -len(kept))]
        self._remove()
        self.card.database.write_bytes((self.backups / name).read_bytes())
        return name

    def empty(self) -> None:
        """Have the ledger vanish."""
        self.die()
        self._remove()

    def _remove(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self.card.database}{suffix}").unlink(missing_ok=True)

    def lose_backup(self, name: str) -> None:
        """Have a backup vanish."""
        with contextlib.suppress(FileNotFoundError):
            (self.backups / name).unlink()


def patched_service(now: Any) -> Any:
    """Name what of the centre's modules the world replaces: its two clocks."""
    return [(service.clock, "now_s", now)]
