"""The wall in a real browser against a real mosquitto, served by central's own server."""

import time

import msgspec
import pytest

from central import alarms
from gateway import contract
from tests.pages.stage import CLIPPED, page_of, wait_until
from tests.pages.wall_stage import alarm, central_status, hours_feed, now_feed, wall, whole_site

pytestmark = [pytest.mark.browser, pytest.mark.broker]


HEARD = """async () => {
  const {picture} = await import("/feeds.js");
  const kept = ["now", "hours", "days", "alarms"].map((part) => picture[part].size);
  return kept.reduce((sum, size) => sum + size, picture.central === null ? 0 : 1);
}"""
DRAWN = "() => new Promise((drawn) => setTimeout(drawn, 200))"
"""It draws a tenth of a second after what it heard: timers come in their order."""


def now_ms():
    return int(time.time() * 1000)


@pytest.fixture(scope="module")
def hall(tmp_path_factory):
    with wall(tmp_path_factory.mktemp("wall")) as found:
        yield found


@pytest.fixture
def site(hall):
    return hall[2]


@pytest.fixture
def broker(hall):
    """A broker that holds nothing but a whole day's feeds."""
    one, _, site = hall
    one.kill()
    one.start()
    feeds = whole_site(site, now_ms())
    one.publish(feeds)
    one.topics = len(feeds)
    return one


def opened(page, hall, topics=0):
    """Open the wall; wait until it is live and has drawn all that the broker holds."""
    page.goto(hall[1])
    page.wait_for_selector(".link.live")
    wait_until(lambda: page.evaluate(HEARD) >= topics, what=f"{topics} topics")
    page.evaluate(DRAWN)
    return page


@pytest.fixture
def page(browser, broker, hall):
    with page_of(browser, 1280, 720) as one:
        yield opened(one, hall, broker.topics)


def scope(page, name):
    return page.locator(f'[data-scope="{name}"]')


def figure(page, name, what):
    return scope(page, name).locator(f'[data-figure="{what}"] b').first.inner_text()


def shows(page, name, what, value):
    wait_until(lambda: figure(page, name, what) == value, what=f"{name} {what} = {value}")


def test_retained_feeds_give_the_whole_picture_on_opening(page, site):
    page.wait_for_selector(".alarm")
    assert figure(page, "total", "vehicles_in") == "1\u2009484"
    assert scope(page, "total").locator(".how").inner_text().split() == ["不全", "门岗", "6/8"]
    for office in site.office:
        assert scope(page, f"office/{office.id}").locator(".office-head .worth .as-of").is_visible()
    for place in site.compound:
        tile = scope(page, f"compound/{place.id}")
        assert tile.locator("h3").inner_text().startswith(place.names.zh)
        assert "截至" in tile.locator(".worth").inner_text()
    assert page.locator(".gate").count() == len(site.gates)
    assert page.locator(".alarm").count() == 4
    assert page.locator(".chart").get_attribute("data-rows") == "13"
    assert page.locator(".chart canvas").bounding_box()["width"] > 200


def test_no_data_is_never_zero(page):
    tile = scope(page, "compound/c05")
    assert tile.locator('[data-name="no-data"]').inner_text() == "没有数据"
    assert tile.locator("[data-figure]").count() == 0
    assert "0/1" in tile.locator(".worth").inner_text()
    assert tile.evaluate("(e) => e.classList.contains('none')")


def test_a_wall_without_any_feed_says_so(browser, hall):
    hall[0].kill()
    hall[0].start()
    with page_of(browser, 1280, 720) as page:
        opened(page, hall)
        assert figure(page, "total", "vehicles_in") == "—"
        assert page.locator('[data-name="no-data"]').count() == 8
        assert "没有数据" in page.locator(".alarms").inner_text()
        assert "没有警报" not in page.inner_text("body")
        assert "还没有数据" in page.locator(".hours").inner_text()


def test_figures_follow_live(page, broker, site):
    feed = now_feed("compound/c01", site.compound[0].names, now_ms(), 3)
    broker.publish({contract.feed_topic("compound/c01", "now"): contract.encode(feed)})
    shows(page, "compound/c01", "vehicles_in", "636")


def test_alarms_come_change_and_go_by_themselves(page, broker):
    one = alarm("c03", "west", "in1-fever-1", "fever_confirmed", now_ms(), priority=1)
    topic = contract.alarm_topic("c03", "west", "in1-fever-1")
    broker.publish({topic: contract.encode(one)})
    tile = scope(page, "compound/c03").locator('[data-name="tile-alarm"].p1.unack')
    tile.wait_for()
    assert "渤海家园 西门" in page.locator(".alarm").first.inner_text()
    one = msgspec.structs.replace(one, state="acked")
    broker.publish({topic: contract.encode(one)})
    scope(page, "compound/c03").locator('[data-name="tile-alarm"].acked').wait_for()
    broker.publish({topic: b""})
    scope(page, "compound/c03").locator('[data-name="tile-alarm"]').wait_for(state="detached")


def test_red_is_for_alarms_only(page):
    reds = page.evaluate(
        """() => [...document.querySelectorAll("*")].filter((e) => {
             const c = getComputedStyle(e);
             const red = (x) => {
               const m = x.match(/rgba?\\((\\d+), (\\d+), (\\d+)/);
               return m && m[1] > 150 && m[2] < 60 && m[3] < 60;
             };
             return [c.backgroundColor, c.borderTopColor, c.color].some(red)
               || (e.closest("svg") && red(c.fill));
           }).filter((e) => !e.closest(".p1")).map((e) => e.outerHTML.slice(0, 80))"""
    )
    assert reds == []


def test_old_figures_are_shown_as_old(page, broker, site):
    late = now_feed("compound/c01", site.compound[0].names, now_ms() - 600_000)
    broker.publish({contract.feed_topic("compound/c01", "now"): contract.encode(late)})
    tile = page.locator('[data-scope="compound/c01"].old')
    tile.wait_for()
    assert "旧数据" in tile.locator(".worth").inner_text()


def test_a_centre_that_is_gone_is_said_plainly(page, broker):
    broker.publish(central_status(now_ms(), online=False))
    page.wait_for_selector('[data-name="banner"]')
    assert "汇总程序停了" in page.locator('[data-name="banner"]').inner_text()
    assert page.locator(".tile.old").count() == 7
    broker.publish(central_status(now_ms()))
    page.locator('[data-name="banner"]').wait_for(state="detached")


def test_a_broker_that_dies_is_said_and_comes_back(page, broker, site):
    broker.kill()
    page.wait_for_selector(".link.gone")
    assert "断开" in page.locator('[data-name="banner"]').inner_text()
    assert page.locator(".tile.old").count() == 7
    broker.start()
    broker.publish(
        {
            contract.feed_topic("compound/c01", "now"): contract.encode(
                now_feed("compound/c01", site.compound[0].names, now_ms(), 2)
            )
        }
    )
    page.wait_for_selector(".link.live")
    shows(page, "compound/c01", "vehicles_in", "424")
    assert page.locator('[data-name="banner"]').count() == 0
    # The new broker holds nothing else, and nothing else is shown as if it did.
    wait_until(lambda: page.locator('[data-name="no-data"]').count() == 7)
    assert page.locator(".alarm").count() == 0


def test_only_what_is_wrong(page, broker, site):
    page.locator('[data-name="only-wrong"]').click()
    wait_until(lambda: page.locator(".tile").count() == 4)
    shown = {tile.get_attribute("data-scope") for tile in page.locator(".tile").all()}
    assert shown == {f"compound/{name}" for name in ("c01", "c02", "c05", "c07")}
    page.reload()
    page.wait_for_selector(".tile")
    wait_until(lambda: page.locator(".tile").count() == 4, what="the filter after a reload")
    well = {
        contract.feed_topic(feed.scope, "now"): contract.encode(feed)
        for place in site.compound
        for feed in (
            now_feed(f"compound/{place.id}", place.names, now_ms()),
            *(now_feed(f"gate/{place.id}/{gate.id}", gate.names, now_ms()) for gate in place.gate),
        )
    } | {
        contract.feed_topic(f"office/{office.id}", "now"): contract.encode(
            now_feed(f"office/{office.id}", office.names, now_ms())
        )
        for office in site.office
    }
    gone = {topic: b"" for topic in whole_site(site, 1) if "/feed/alarm/" in topic}
    broker.publish(well | gone)
    page.wait_for_selector('[data-name="all-well"]')


def test_the_chart_is_of_the_place_that_was_chosen(page, broker):
    scope(page, "compound/c03").locator("h3 button").click()
    assert "渤海家园" in page.locator('[data-name="hours"] h2').inner_text()
    feed = hours_feed("compound/c03", now_ms())
    assert len(feed.hours) == 24
    scope(page, "compound/c05").locator("h3 button").click()
    page.wait_for_selector(".chart-none")
    scope(page, "total").locator("h2 button").click()
    page.locator('[data-name="span"]').click()
    wait_until(lambda: page.locator(".chart").get_attribute("data-rows") == "10")
    assert "1 天有迟到数据" in page.locator('[data-name="hours"]').inner_text()


def test_a_message_that_is_not_understood_changes_nothing(page, broker, site):
    topic = contract.feed_topic("compound/c01", "now")
    broker.publish({topic: b"{not json", "gatepost/v1/feed/what/ever": b"1"})
    broker.publish({topic: b'{"v":99,"figures":{}}'})
    feed = now_feed("compound/c02", site.compound[1].names, now_ms(), 2)
    broker.publish({contract.feed_topic("compound/c02", "now"): contract.encode(feed)})
    shows(page, "compound/c02", "vehicles_in", "424")
    assert figure(page, "compound/c01", "vehicles_in") == "212"


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (1280, 720), (390, 844)], ids=str)
def test_nothing_is_cut_off_in_either_language(browser, broker, hall, width, height):
    with page_of(browser, width, height) as page:
        page.add_init_script(f"window.mayScroll = {str(width < 800).lower()}")
        opened(page, hall, broker.topics)
        for language in ("zh-CN", "en"):
            page.wait_for_selector(f"html[lang={language}] .alarm")
            page.evaluate("document.fonts.ready")
            assert page.evaluate(CLIPPED) == [], language
            page.locator('[data-name="language"]').click()
        page.locator('[data-name="language"]').click()
        page.reload()
        page.wait_for_selector("html[lang=en] .tile")


def test_every_alarm_of_the_centre_has_words(page):
    said = page.evaluate(
        """async () => {
          const {WORDS} = await import("/words.js");
          return [WORDS.zh, WORDS.en].map((words) => Object.keys(words.alert));
        }"""
    )
    codes = {what for what, _ in (*alarms.TROUBLES.values(), *alarms.CONDITIONS.values())}
    for language in said:
        assert codes <= set(language)


def test_both_languages_of_the_wall_say_the_same_things(page):
    differing = page.evaluate(
        """async () => {
          const {WORDS} = await import("/words.js");
          const keys = (x, at = "") => typeof x === "object"
            ? Object.entries(x).flatMap(([k, v]) => keys(v, `${at}.${k}`)) : [at];
          const [zh, en] = [keys(WORDS.zh), keys(WORDS.en)];
          return [...zh.filter((k) => !en.includes(k)), ...en.filter((k) => !zh.includes(k))];
        }"""
    )
    assert differing == []
