"""Take the screenshots kept in docs/screens: `python -m tests.pages.shoot [wall|gate]`."""

import io
import re
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page

from tests.pages.stage import CLIPPED, SIZES, Stage, chromium, page_of, tap
from tests.pages.views import STATES, state
from tests.pages.wall_stage import wall, whole_site

SCREENS = Path(__file__).parents[2] / "docs" / "screens"
COLOURS = 256
"""Enough for flat drawing with smooth letters, and half the bytes."""
PADS = {
    "pad-plate": ("admit", ["fix-plate|plate"]),
    "pad-plate-unsure": ("cold", ["fix-plate|plate"]),
    "pad-plate-letters": ("admit", ["fix-plate|plate", "key-鲁", "key-M", "key-7"]),
    "pad-temperature": ("trouble", ["temperature", "key-3", "key-7"]),
    "override-reason": ("refer", ["more", "more-override", "decide-admit"]),
    "override-name": ("refer", ["more", "more-override", "decide-admit", "reason-0"]),
    "alerts": ("trouble", ["more", "more-alerts"]),
    "whose": ("refer", ["whose"]),
    "more": ("refer", ["more"]),
    "persons": ("refer", ["persons"]),
    "status": ("trouble", ["more", "more-status"]),
    "arrival": ("idle", ["somebody"]),
    "apart": ("aside", ["more", "more-apart", "apart-9"]),
}
"""Overlays: the state they are opened in, and the keys that lead there."""


def keep(page: Page, name: str, *, whole: bool = False) -> None:
    """Keep a picture, with few colours so that it is small."""
    SCREENS.mkdir(parents=True, exist_ok=True)
    picture = Image.open(io.BytesIO(page.screenshot(full_page=whole))).convert("RGB")
    flat = picture.quantize(COLOURS, dither=Image.Dither.NONE)
    flat.save(SCREENS / f"{name}.png", optimize=True)
    faults = page.evaluate(CLIPPED)
    if faults:
        print(name, *faults[:12], sep="\n    ")


def shoot_gate(browser: Browser, only: str) -> None:
    """The guard's screen: every state and every overlay."""
    for size, (width, height) in SIZES.items():
        for language in ("zh", "en"):
            with Stage(language=language) as stage, page_of(browser, width, height) as page:
                stage.show(state("idle"))
                page.goto(stage.screen.url)
                page.wait_for_selector(".page")
                for name in STATES:
                    if not re.search(only, name):
                        continue
                    stage.show(state(name) | {"now_ms": 1_581_400_860_000})
                    page.wait_for_timeout(350)
                    keep(page, f"gate-{size}-{language}-{name}")
                for name, (behind, keys) in PADS.items():
                    if not re.search(only, name):
                        continue
                    stage.show(state(behind))
                    page.reload()
                    page.wait_for_selector(".page")
                    page.wait_for_timeout(250)
                    for key in keys:
                        tap(page, key)
                    page.wait_for_timeout(100)
                    keep(page, f"gate-{size}-{language}-{name}")
                if re.search(only, "not-live"):
                    stage.fall_silent()
                    page.wait_for_selector('#gone[data-on="yes"]')
                    keep(page, f"gate-{size}-{language}-not-live")


WALLS = {"1920x1080": (1920, 1080), "1280x720": (1280, 720), "390x844": (390, 844)}


def shoot_wall(browser: Browser) -> None:
    """The wall: live, only what is wrong, and cut off."""
    with tempfile.TemporaryDirectory() as folder, wall(Path(folder)) as (broker, url, site):
        for size, (width, height) in WALLS.items():
            for language in ("zh", "en"):
                broker.publish(whole_site(site, int(time.time() * 1000)))
                with page_of(browser, width, height) as page:
                    page.add_init_script("window.mayScroll = innerWidth < 800")
                    page.add_init_script(f"localStorage.setItem('language', '{language}')")
                    page.goto(url)
                    page.wait_for_selector(".alarm")
                    page.wait_for_timeout(400)
                    keep(page, f"wall-{size}-{language}", whole=width < 800)
                    if size == "1280x720" and language == "zh":
                        page.locator('[data-name="only-wrong"]').tap()
                        page.wait_for_timeout(300)
                        keep(page, f"wall-{size}-{language}-only-wrong")
                        broker.kill()
                        page.wait_for_selector(".link.gone")
                        page.wait_for_timeout(300)
                        keep(page, f"wall-{size}-{language}-gone")
                        broker.start()


def main() -> None:
    """Shoot what is asked for; all by default."""
    what = sys.argv[1] if len(sys.argv) > 1 else "gate wall"
    only = sys.argv[2] if len(sys.argv) > 2 else ""
    with chromium() as browser:
        if "gate" in what:
            shoot_gate(browser, only)
        if "wall" in what:
            shoot_wall(browser)


if __name__ == "__main__":
    main()
