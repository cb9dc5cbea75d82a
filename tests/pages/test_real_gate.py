"""The page, the server, the touches and the gate's own core together, with nothing made by hand."""

import pytest

from gateway.core import events
from tests.core.post import LIMITS, Post, foot_lane, in_lane, out_lane
from tests.pages.stage import CLIPPED, Stage, page_of, tap, wait_until
from tests.pages.views import NOW_MS

pytestmark = pytest.mark.browser


class Gate:
    """A post whose views go to a real page, and whose touches come from there."""

    def __init__(self, stage, page):
        self.post = Post(in_lane(), out_lane(), foot_lane(), limits=LIMITS)
        self.stage, self.page, self.taken = stage, page, 0

    def show(self):
        """Add to the core's view what the shell adds, and wait until the page shows it."""
        shown = self.post.screen()
        moment = NOW_MS + round(self.post.now * 1000)
        shown |= {"now_ms": moment, "compound": "c01", "gate": "east"}
        shown["names"] = {"zh": "春晖苑 东门", "en": "Chunhui Court, East Gate"}
        shown["status"] |= {"waiting": 3, "oldest_s": 1.0}
        for lane in shown["lanes"]:
            for one in (lane["passage"], *lane["aside"]):
                if one is not None:
                    one["recorded"] = True
        self.stage.show(shown)
        self.page.wait_for_selector(f'html[data-now="{moment}"]', state="attached")
        assert self.page.evaluate(CLIPPED) == []

    def tap(self, *names):
        """Touch keys; let the gate take each event that came of it, and show what is so."""
        for name in names:
            tap(self.page, name)
        self.taken += 1
        self.post.wait(0.1)
        self.post.do(self.stage.wait_touch(self.taken)[self.taken - 1])
        self.show()

    def decision(self):
        return self.page.locator('[data-name="decision"] .decision-word').inner_text()


@pytest.mark.parametrize(("width", "height"), [(800, 480), (480, 320)], ids=str)
def test_a_car_from_arrival_to_next_and_one_that_waits_aside(browser, width, height):
    with Stage() as stage, page_of(browser, width, height) as page:
        gate = Gate(stage, page)
        page_ready = {"names": {}, "alerts": [], "unassigned": [], "lanes": [], "status": {}}
        assert page_ready.keys() <= {*gate.post.screen(), "names"}
        page.goto(stage.screen.url)
        gate.show()
        gate.post.arrive(1, "鲁MA1234")
        gate.show()
        assert gate.decision() == "等待测温"
        assert "鲁M·A1234" in page.locator(".plate").inner_text()
        gate.post.measure(3640)
        gate.show()
        assert gate.decision() == "放行"
        assert page.locator(".person").count() == 1
        wait_until(lambda: page.locator('[data-name="open"]').is_enabled())
        gate.tap("open")
        assert any(isinstance(effect, events.PulseBarrier) for effect in gate.post.effects)
        gate.post.leave(1)

        gate.post.arrive(2, "鲁E66D03")
        gate.show()
        gate.post.measure(3760)
        gate.show()
        assert gate.decision() == "再测"
        gate.tap("aside")
        assert page.locator('[data-name="decision"]').count() == 0
        if page.locator('[data-name="apart"]').count() == 0:
            tap(page, "more")
        key = gate.post.screen()["lanes"][0]["aside"][0]["key"]
        tap(page, "apart|more-apart")
        tap(page, f"apart-{key}")
        assert gate.decision() == "再测"
        gate.tap("again-1")
        assert "●" in page.locator('[data-name="again-1"]').inner_text()
        gate.tap("temperature", "key-3", "key-8", "key-2", "done")
        gate.show()
        assert gate.decision() == "留下上报"
        alert = gate.post.screen()["alerts"][0]
        assert alert["priority"] == 1
        gate.tap(f"ack-{alert['alert']}")
        assert gate.post.screen()["alerts"][0]["state"] == "acked"
