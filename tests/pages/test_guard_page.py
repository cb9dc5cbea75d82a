"""The guard's page in a real browser: it fits, touches arrive, nothing old is shown."""

import threading

import pytest

from demo.children import free_port
from gateway.core import events
from tests.pages.shoot import PADS
from tests.pages.stage import CLIPPED, SIZES, TEN_MM, Stage, page_of, tap, wait_until
from tests.pages.views import (
    FIVE_ALERTS,
    NOW_MS,
    STATES,
    UNASSIGNED,
    alert,
    lane,
    passage,
    person,
    plate,
    state,
    three,
    view,
)

pytestmark = pytest.mark.browser

SMALL_KEYS = """
(least) => [...document.querySelectorAll("button")]
  .filter((e) => e.checkVisibility())
  .map((e) => [e.dataset.name, e.getBoundingClientRect()])
  .filter(([, box]) => box.width < least || box.height < least)
  .map(([name, box]) => `${name} ${Math.round(box.width)}x${Math.round(box.height)}`)
"""
PRIMARY = '[data-name="next"]'


@pytest.fixture(scope="module")
def module_stage():
    with Stage() as one:
        yield one


@pytest.fixture
def stage(module_stage):
    module_stage.touches.clear()
    module_stage.show(state("idle"))
    return module_stage


@pytest.fixture(params=list(SIZES), scope="module")
def size(request):
    return request.param


@pytest.fixture(scope="module")
def sized_page(browser, module_stage, size):
    with page_of(browser, *SIZES[size]) as one:
        yield one


@pytest.fixture(scope="module")
def wide_page(browser, module_stage):
    with page_of(browser, 800, 480) as one:
        yield one


@pytest.fixture
def page(sized_page, stage):
    return fresh(sized_page, stage)


@pytest.fixture
def wide(wide_page, stage):
    return fresh(wide_page, stage)


def fresh(page, stage):
    """Load the page anew, as if nobody had touched it."""
    page.unroute_all()
    if page.url.startswith(stage.screen.url):
        page.evaluate("localStorage.clear()")
    page.goto(stage.screen.url)
    page.wait_for_selector(".page .idle")
    return page


_moments = iter(range(NOW_MS, NOW_MS + 50_000))


def show(stage, page, shown):
    """Show a view and wait until the page has drawn it, which it says by the view's moment."""
    shown = shown | {"now_ms": next(_moments)}
    stage.show(shown)
    page.wait_for_selector(f'html[data-now="{shown["now_ms"]}"]', state="attached")


def faults(page, size):
    page.evaluate("document.fonts.ready")
    return page.evaluate(CLIPPED) + page.evaluate(SMALL_KEYS, TEN_MM[size])


# --- It comes up, whatever did not come at first ---


@pytest.mark.parametrize("part", ["app.js", "kit.js", "style.css"])
def test_a_page_of_which_a_part_did_not_come_loads_itself_again(wide, stage, part):
    wide.route(f"**/{part}", lambda route: route.abort(), times=1)
    wide.goto(stage.screen.url)
    with wide.expect_navigation():
        pass
    wide.wait_for_selector(".page .idle")


# --- Everything fits ------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["zh", "en"])
def test_no_state_is_cut_off_or_too_small_to_touch(page, stage, size, language):
    if language == "en":
        tap(page, "language|more")
        if size == "480x320":
            tap(page, "more-language")
            tap(page, "cancel")
    found = {}
    for name in STATES:
        show(stage, page, state(name))
        found[name] = faults(page, size)
        for key in ("next", "more"):
            assert page.locator(f'[data-name="{key}"]').is_visible(), (name, key)
        assert page.locator('[data-name^="emergency-"]').count() >= 1
    assert {name: fault for name, fault in found.items() if fault} == {}


def test_no_overlay_is_cut_off_and_each_closes(page, stage, size):
    found = {}
    for name, (behind, keys) in PADS.items():
        show(stage, page, state(behind))
        for key in keys:
            tap(page, key)
        page.wait_for_selector(".over, [data-name=back-to-lane]")
        found[name] = faults(page, size)
        assert page.locator('[data-name^="emergency-"]').first.is_visible()
        assert page.locator(PRIMARY).is_visible()
        while page.locator(".over").count() > 0:
            tap(page, "cancel")
        if name == "apart":
            tap(page, "back-to-lane")
    assert {name: fault for name, fault in found.items() if fault} == {}


def test_every_reason_and_step_fits(page, stage, size):
    words = page.evaluate("import('/words.js').then((m) => m.WORDS.en)")
    longest = sorted(words["reason"], key=lambda code: -len(words["reason"][code]))
    steps = sorted(words["next"], key=lambda code: -len(words["next"][code]))
    for n in range(0, len(longest) - 1, 3):
        worst = passage(
            "refer",
            [person(9, "FEVER_CONFIRMED", 3999, attempts=3, wait_s=599.0)] * 4,
            reasons=longest[n : n + 3],
            next=steps[n % len(steps) :][:3],
            unsure=True,
            recorded=n % 2 == 0,
            plate=plate("unsure", "粤ZD12345", candidates=["粤Z1234港"], confidence_pct=7),
        )
        show(stage, page, view(*three(worst, worst), alerts=[alert()], unassigned=[UNASSIGNED]))
        assert faults(page, size) == [], longest[n : n + 3]


# --- What stands on it ----------------------------------------------------------------------


def test_a_decision_is_said_by_colour_shape_and_words(wide, stage):
    for name, word in (("admit", "放行"), ("recheck", "再测"), ("refer", "留下上报")):
        show(stage, wide, state(name))
        block = wide.locator('[data-name="decision"]')
        assert word in block.inner_text()
        assert block.locator(f"svg.shape.{name}").is_visible()
    assert "疑似发热" in block.inner_text()
    assert "37.9" in block.inner_text()
    assert "隔离点" in wide.locator(".todo").inner_text()


def test_nothing_of_the_passage_before_stays(wide, stage):
    show(stage, wide, state("trouble"))
    assert "体温计故障" in wide.locator('[data-name="decision"]').inner_text()
    show(stage, wide, view(lane(now=passage("waiting", [], key=13, plate=plate("waiting", "")))))
    text = wide.locator(".passage").inner_text()
    for word in ("体温计", "手持", "鲁", "没有记上", "1 号"):
        assert word not in text


def test_a_value_that_nobody_judged_is_not_shown_as_one(wide, stage):
    show(stage, wide, state("cold"))
    assert wide.locator(".degrees").inner_text() == "(33.2)"
    just_below = passage("admit", [person(1, "NORMAL", 3729)])
    show(stage, wide, view(lane(now=just_below)))
    assert wide.locator(".degrees").inner_text() == "37.2°C"


def test_the_strip_tells_what_is_wrong(wide, stage):
    show(stage, wide, state("trouble"))
    strip = wide.locator(".strip").inner_text()
    for word in ("1240", "未校准", "低温", "预热", "未记 3"):
        assert word in strip
    assert wide.locator(".strip .item.bad").count() >= 6
    assert "没有记上" in wide.locator('[data-name="not-recorded"]').inner_text()


def test_the_crop_is_fetched_and_shown(wide, stage):
    show(stage, wide, state("admit"))
    width = wait_until(lambda: wide.evaluate("document.querySelector('.plate img').naturalWidth"))
    assert width == 220


# --- Touches --------------------------------------------------------------------------------


def press(page, *names):
    for name in names:
        tap(page, name)


def more(page, name):
    """Touch a key that the small panel keeps under "more"."""
    if page.locator(f'[data-name="{name}"]').count() == 0:
        tap(page, "more")
        name = f"more-{name}"
    tap(page, name)


def settle(page):
    """Let the time pass in which a touch on a new passage is ignored."""
    page.wait_for_timeout(750)


def test_touches_arrive_as_events_that_name_their_passage(page, stage):
    show(stage, page, state("admit"))
    settle(page)
    press(page, "open", "next-person", "again-1", "next", "emergency-in1")
    assert stage.wait_touch(5) == [
        events.OpenTouched("in1", 12),
        events.PersonTouched("in1", 12),
        events.AgainTouched("in1", 1, 12),
        events.NextTouched("in1", 12),
        events.EmergencyTouched("in1"),
    ]


def test_open_is_dead_unless_admitted(wide, stage):
    show(stage, wide, state("recheck"))
    assert wide.locator('[data-name="open"]').is_disabled()
    show(stage, wide, state("admit"))
    assert wide.locator('[data-name="open"]').is_enabled()


def test_a_double_touch_is_one_touch(wide, stage):
    show(stage, wide, state("admit"))
    settle(wide)
    for name in ("next", "open", "emergency-in1"):
        wide.locator(f'[data-name="{name}"]').dblclick()
    assert stage.wait_touch(3) == [
        events.NextTouched("in1", 12),
        events.OpenTouched("in1", 12),
        events.EmergencyTouched("in1"),
    ]
    settle(wide)
    tap(wide, "next")
    assert stage.wait_touch(4)[3] == events.NextTouched("in1", 12)


def test_a_touch_meant_for_the_passage_before_is_not_taken(wide, stage):
    show(stage, wide, state("admit"))
    settle(wide)
    new = view(lane(now=passage("waiting", [], key=13)))
    wide.evaluate("""() => new MutationObserver((_, watch) => {
        if (!document.body.textContent.includes("等待测温")) return;
        watch.disconnect();
        document.querySelector('[data-name="next"]').click();
        document.documentElement.dataset.clicked = "yes";
    }).observe(document.body, {subtree: true, childList: true, characterData: true})""")
    stage.show(new)
    wide.wait_for_selector("html[data-clicked]", state="attached")
    settle(wide)
    tap(wide, "next")
    assert stage.wait_touch() == [events.NextTouched("in1", 13)]


def test_somebody_is_here_asks_who(page, stage):
    press(page, "somebody", "arrival-bicycle")
    assert stage.wait_touch() == [events.ArrivalTouched("in1", "bicycle")]
    assert page.locator(".over").count() == 0


def test_a_temperature_is_typed_with_a_pad(page, stage, size):
    show(stage, page, state("trouble"))
    press(page, "temperature", "key-3", "key-7")
    assert page.locator('[data-name="done"]').is_disabled()
    assert page.locator('[data-name="key-9"]').is_enabled()
    press(page, "key-4")
    if size == "800x480":
        press(page, "site-wrist")
    press(page, "done")
    site = "wrist" if size == "800x480" else "contact"
    assert stage.wait_touch() == [events.TemperatureTyped("in1", 1, 3740, site, 12)]


def test_an_absurd_temperature_cannot_be_sent(page, stage):
    show(stage, page, state("admit"))
    press(page, "temperature")
    assert page.locator('[data-name="key-9"]').is_disabled()
    press(page, "key-4", "key-9", "key-9")
    assert page.locator('[data-name="done"]').is_disabled()
    assert "30.0" in page.locator(".typed").inner_text()
    press(page, "delete", "delete", "delete", "cancel")
    assert stage.touches == []


def test_a_plate_is_typed_home_province_first(page, stage):
    show(stage, page, state("admit"))
    press(page, "fix-plate|plate")
    keys = page.locator(".plate-keys button")
    assert keys.first.inner_text() == "鲁"
    press(page, *(f"key-{key}" for key in "鲁M7A25"))
    assert page.locator('[data-name="done"]').is_disabled()
    press(page, "key-8", "done")
    assert stage.wait_touch() == [events.PlateTyped("in1", "鲁M7A258", 12)]


def test_a_candidate_or_no_plate_is_one_touch(page, stage):
    show(stage, page, state("cold"))
    press(page, "fix-plate|plate", "candidate-鲁M7A2S8")
    press(page, "fix-plate|plate", "no-plate")
    assert [event.text for event in stage.wait_touch(2)] == ["鲁M7A2S8", ""]


def test_an_override_needs_a_name_and_a_reason(page, stage):
    show(stage, page, state("refer"))
    more(page, "override")
    press(page, "decide-admit", "reason-other")
    assert page.locator('[data-name="done"]').is_disabled()
    press(page, "cancel", "reason-1")
    assert page.locator('[data-name="done"]').is_disabled()
    page.locator(".typed-text").fill("   ")
    assert page.locator('[data-name="done"]').is_disabled()
    page.locator(".typed-text").fill("")
    press(page, "key-W", "key-7", "done")
    assert stage.wait_touch() == [events.OverrideTouched("in1", "admit", "W7", "上级同意", 12)]


def test_a_reading_of_nobody_is_given_to_somebody(page, stage):
    show(stage, page, state("recheck"))
    press(page, "whose", "whose-12-2")
    press(page, "whose", "whose-12-new")
    assert stage.wait_touch(2) == [
        events.ReadingAssigned(3, "in1", 2, 12),
        events.ReadingAssigned(3, "in1", None, 12),
    ]
    press(page, "whose", "nobodys")
    assert stage.wait_touch(3)[2] == events.ReadingDismissed(3)


def test_an_alert_is_acknowledged_with_one_touch(page, stage):
    show(stage, page, state("refer"))
    press(page, "ack-in1-fever-12")
    assert stage.wait_touch() == [events.AlertAcknowledged("in1-fever-12", "guard")]


def test_all_alerts_are_listed_and_acknowledged(page, stage):
    show(stage, page, state("trouble"))
    press(page, "more", "more-alerts")
    wanted = [one["alert"] for one in FIVE_ALERTS if one["state"] != "acked"]
    for name in wanted:
        if page.locator(f'.over [data-name="ack-{name}"]').count() == 0:
            press(page, "page")
        page.locator(f'.over [data-name="ack-{name}"]').tap()
    assert [event.alert for event in stage.wait_touch(len(wanted))] == wanted


def test_who_waits_aside_is_shown_and_touched_by_name(page, stage):
    show(stage, page, state("recheck"))
    press(page, "aside")
    show(stage, page, state("aside"))
    more(page, "apart")
    press(page, "apart-10")
    assert "留下上报" in page.locator('[data-name="decision"]').inner_text()
    press(page, "again-1", "back-to-lane")
    assert "等待测温" in page.locator('[data-name="decision"]').inner_text()
    assert stage.wait_touch(2) == [
        events.AsideTouched("in1", 12),
        events.AgainTouched("in1", 1, 10),
    ]


def test_a_pad_closes_when_its_passage_has_gone(wide, stage):
    show(stage, wide, state("admit"))
    press(wide, "temperature")
    show(stage, wide, view(lane(now=passage("admit", key=13))))
    assert wide.locator(".over").count() == 0


def test_lanes_are_chosen_and_each_barrier_has_its_own_emergency(page, stage):
    show(stage, page, state("refer"))
    press(page, "lane-out1", "emergency-in1", "emergency-out1")
    assert "放行" in page.locator('[data-name="decision"]').inner_text()
    assert stage.wait_touch(2) == [
        events.EmergencyTouched("in1"),
        events.EmergencyTouched("out1"),
    ]


def test_a_pass_that_was_shown_is_told_and_nothing_of_it_but_its_end(page, stage):
    shown = {"medium": "code", "tail": "7342", "passage": 13, "ago_s": 2.0}
    other = {"medium": "tag", "tail": "6CED", "passage": 12, "ago_s": 9.0}
    here = lane(now=passage("admit", key=13), presented=[other, shown], opens_by_hand=True)
    show(stage, page, view(here))
    said = page.locator('[data-name="decision"]').inner_text()
    assert "已出示二维码 …7342" in said
    assert "6CED" not in said
    assert "手动开闸" in page.locator('[data-name="open"]').inner_text()
    assert page.evaluate(CLIPPED) == []
    show(stage, page, view(lane(presented=[shown | {"passage": None}])))
    assert "…7342" in page.locator(".last").inner_text()
    assert page.evaluate(CLIPPED) == []


def test_a_free_lane_gives_way_to_a_busy_one(wide, stage):
    show(stage, wide, view(*three(None)))
    show(stage, wide, view(*three(None, None, passage("waiting", [], key=5, plate=None))))
    assert wide.locator('[data-name="lane-foot1"].chosen').count() == 1


def test_a_touch_that_is_not_taken_is_said(wide, stage):
    show(stage, wide, state("admit"))
    wide.evaluate("document.querySelector('meta[name=gatepost]').dataset.token")
    wide.route("**/touch", lambda route: route.abort())
    tap(wide, "again-1")
    wide.wait_for_selector(".toast")
    assert "没有送到" in wide.locator(".toast").inner_text()


# --- Languages and liveness -----------------------------------------------------------------


def test_english_is_remembered(browser, stage):
    with page_of(browser, 800, 480) as page:
        page.goto(stage.screen.url)
        page.wait_for_selector(".page.zh")
        tap(page, "language")
        page.wait_for_selector(".page.en")
        page.reload()
        page.wait_for_selector(".page.en")
        assert page.evaluate("document.documentElement.lang") == "en"
        assert "Somebody is here" in page.inner_text("body")


def test_a_gate_set_to_english_begins_so(browser):
    with Stage(language="en") as stage, page_of(browser, 800, 480) as page:
        stage.show(state("idle"))
        page.goto(stage.screen.url)
        page.wait_for_selector(".page.en")


@pytest.mark.slow
def test_a_silent_gateway_is_said_over_the_whole_screen(page, stage, size):
    show(stage, page, state("admit"))
    stage.fall_silent()
    page.wait_for_selector('#gone[data-on="yes"]', timeout=15_000)  # 3 s, and a busy machine's.
    box = page.locator("#gone").bounding_box()
    assert (box["width"], box["height"]) == SIZES[size]
    text = page.locator("#gone").inner_text()
    assert "NOT LIVE" in text
    assert "画面已停" in text
    assert page.locator("#gone-since").inner_text()[-5:].replace(":", "").isdigit()
    assert faults(page, size) == []
    stage.show(state("idle"))
    page.wait_for_selector('#gone[data-on="no"]', state="attached")
    assert not page.locator("#gone").is_visible()


@pytest.mark.slow
def test_a_new_start_of_the_gateway_loads_the_page_again(browser):
    before = set(threading.enumerate())
    with page_of(browser, 800, 480) as page:
        port = free_port()  # It is nobody's while no gateway listens.
        with Stage(port=port) as stage:
            token = stage.screen.token
            stage.show(state("admit"))
            page.goto(stage.screen.url)
            page.wait_for_selector(".page")
        page.wait_for_selector('#gone[data-on="yes"]')
        with Stage(port=port) as stage:
            stage.show(state("idle"))
            other = f'meta[name=gatepost]:not([data-token="{token}"])'
            page.wait_for_selector(other, state="attached")
            page.wait_for_selector(".page .idle")
            tap(page, "emergency-in1")
            assert stage.wait_touch() == [events.EmergencyTouched("in1")]

    def ended():
        left = set(threading.enumerate()) - before
        return not any(one.name.startswith("screen") for one in left)

    wait_until(ended, what="the threads' end")
