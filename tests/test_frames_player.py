"""The pages: self-contained, paced by the clip, the same walk as Python, steered by the mouse."""

from __future__ import annotations

import json
import re
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from browser import browser, needs_chromium
from kineograph.data.simulations import drawings
from kineograph.frames import player, sprites, texture, walk

SEED = 7


@pytest.fixture(scope="module")
def flag() -> texture.Texture:
    *_, last = texture.study(drawings("flag", 120, height=60, width=80), 30.0)
    return last.value


@pytest.fixture(scope="module")
def flag_page(flag, tmp_path_factory) -> Path:
    *_, last = player.texture_page(
        flag, title="a <flag> & more", seed=SEED, recipe={"a": "</script>"}
    )
    path = tmp_path_factory.mktemp("page") / "flag.html"
    path.write_text(last.value, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def fish() -> sprites.Sprite:
    *_, last = sprites.study(drawings("fish", 500, height=96, width=128), 30.0)
    return last.value


@pytest.fixture(scope="module")
def fish_page(fish, tmp_path_factory) -> Path:
    *_, last = player.sprite_page(fish, title="fish", seed=SEED)
    path = tmp_path_factory.mktemp("page") / "fish.html"
    path.write_text(last.value, encoding="utf-8")
    return path


def test_a_page_asks_nothing_of_the_network_and_escapes_what_it_holds(flag_page, fish_page) -> None:
    for page in (flag_page, fish_page):
        text = page.read_text(encoding="utf-8")
        assert not re.search(r"(src|href)\s*=\s*[\"']?(https?:)?//", text)
        assert "default-src 'none'" in text and "{{" not in text
    text = flag_page.read_text(encoding="utf-8")
    assert "<title>a &lt;flag&gt; &amp; more</title>" in text
    recipe = re.search(r'id="kineograph">(.*?)</script>', text)
    assert recipe and json.loads(recipe[1]) == {"a": "</script>"}


def test_controls_have_names(flag_page, fish_page) -> None:
    for page in (flag_page, fish_page):
        text = page.read_text(encoding="utf-8")
        assert len(re.findall(r"<label>\w+ <input", text)) == len(re.findall(r"<input", text))
        assert 'role="img" aria-label=' in text and 'lang="en"' in text


@needs_chromium
@pytest.mark.browser
def test_the_texture_page_keeps_the_clips_pace_and_pythons_walk(flag, flag_page) -> None:
    with browser() as page:
        page.size(800, 600)
        page.open(flag_page)
        page.wait(1.0)  # pictures are decoded by now
        page.run("player.late = 0, mark = [performance.now(), player.shown.length]")
        page.wait(10.0)
        began, count, now, after = page.run("[...mark, performance.now(), player.shown.length]")
        shown = page.run("player.shown")
        assert page.errors == []
    assert (after - count) / (now - began) * 1000 == pytest.approx(30.0, rel=0.05)
    assert shown == list(islice(walk.walk(flag.table(), SEED), len(shown)))


@needs_chromium
@pytest.mark.browser
def test_the_range_and_speed_controls_steer_the_picture(flag_page) -> None:
    with browser() as page:
        page.size(800, 600, dark=True)
        page.open(flag_page, "#seed=12")
        page.run(
            """(() => { for (const [id, v] of [["from", 20], ["to", 70], ["speed", 3]]) {
                const e = document.getElementById(id); e.value = v;
                e.dispatchEvent(new Event("input")); } })()"""
        )
        page.wait(1.0)
        page.run("player.shown.length = 0")
        page.wait(3.0)
        shown = np.array(page.run("player.shown"))
        dark = page.run("getComputedStyle(document.body).backgroundColor")
        assert page.run("player.seed") == 12 and page.errors == []
    assert len(shown) > 150
    assert np.mean((shown >= 20) & (shown <= 70)) > 0.9
    assert dark == "rgb(22, 23, 26)"


@needs_chromium
@pytest.mark.browser
def test_the_mouse_and_the_keys_turn_the_sprite_and_the_walk_is_pythons(fish, fish_page) -> None:
    with browser() as page:
        page.size(900, 700)
        page.open(fish_page)
        page.run("document.getElementById('speed').value = 3")
        headings = {}
        for name, (x, y) in {"right": (880, 350), "left": (20, 350)}.items():
            page.tab.mouse.move(x, y)
            page.wait(1.5)
            page.run("begin = player.places.length")
            page.wait(1.5)
            places = np.array(page.run("player.places.slice(begin)"))
            headings[name] = float(places[-1, 1] - places[0, 1])
        page.run("document.getElementById('picture').focus()")
        page.tab.keyboard.down("ArrowDown")
        page.wait(1.0)
        wanted, shown = page.run("[player.wanted, player.shown]")
        assert page.errors == []
    assert headings["right"] > 20 and headings["left"] < -20
    assert wanted[-1] == 2

    made, heads = sprites.steering_table(fish)
    extras = [*heads, np.zeros(len(fish), np.int64)]
    ahead = [walk.ahead_of(made, extra) for extra in extras]
    step = walk.Step(walk.home(ahead[8]), SEED)
    path = [step.frame]
    for way in wanted:
        step = walk.stepped(made, extras[way], ahead[way], step.frame, step.state)
        path.append(step.frame)
    assert shown == path
