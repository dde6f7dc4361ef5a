"""Frames of a flight, in Python and in the page that a browser opens."""

import base64
import io
import json

import numpy as np
import pytest
import torch
from PIL import Image

from browser import browser, needs_chromium
from kineograph.families.zoom.flight import Flight, depths, eased, frames, view
from kineograph.families.zoom.photo import photo_window
from kineograph.families.zoom.stack import ZoomStack
from kineograph.families.zoom.viewer import pick_page, viewer_page
from kineograph.values.clip import Clip
from kineograph.values.errors import InputError, LimitError


def pattern(x, y):
    """A smooth picture of the whole world, (..., ) positions in -1 … 1 -> (3, ...) values."""
    return torch.stack([torch.sin(3 * x) * 0.7, torch.cos(4 * y) * 0.7, torch.sin(2 * (x + y))])


def world(levels=4, size=64, ratio=2):
    """A stack that samples one smooth world."""
    at = (torch.arange(size, dtype=torch.float64) + 0.5) * 2 / size - 1
    pictures = []
    for i in range(levels):
        y, x = torch.meshgrid(at / ratio**i, at / ratio**i, indexing="ij")
        pictures.append(pattern(x, y)[:, None].float())
    return ZoomStack(torch.stack(pictures), ratio)


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.97])
@pytest.mark.parametrize("size", [(64, 64), (90, 50), (40, 40)])
def test_a_view_is_exact_to_a_fraction_of_a_pixel(share, size):
    """Against the world itself at the frame's own places; a pixel's rounding would be 10x off."""
    stack = world()
    made = view(list(stack.layers[:3]), share, 2, size)[:, 0]
    side = max(size) * 2**share
    x, y = ((torch.arange(n, dtype=torch.float64) + 0.5 - n / 2) * 2 / side for n in size)
    y, x = torch.meshgrid(y, x, indexing="ij")
    gap = (made - pattern(x, y)).abs()
    assert float(gap.max()) < 0.03
    assert float(gap.mean()) < 0.002


def test_nothing_jumps_where_the_next_level_takes_over():
    stack = world()
    before = view(list(stack.layers[:3]), 1 - 1e-6, 2, (48, 48))
    after = view(list(stack.layers[1:4]), 0.0, 2, (48, 48))
    assert float((before - after).abs().max()) < 1e-3


def test_levels_at_hand_are_at_most_three_and_a_frame_at_a_time():
    made = frames(world(), Flight(seconds=1, fps=6), (32, 24))
    first = next(made)
    assert first.shape == (24, 32, 3)
    assert first.dtype == np.uint8
    assert len([first, *made]) == 6


def test_ways_ease_and_dwell():
    flight = Flight(seconds=2, fps=10, ease=0)
    inward = depths(5, flight)
    assert inward[0] == 0
    assert inward[-1] == pytest.approx(4)
    steps = np.diff(inward)
    assert np.allclose(steps, steps[0])  # constant perceived speed
    assert depths(5, Flight(seconds=2, fps=10, ease=0, way="out")) == inward[::-1]
    both = depths(5, Flight(seconds=4, fps=10, ease=0, way="in-and-out"))
    assert max(both) == pytest.approx(4)
    assert both[0] == 0
    assert both[-1] < 0.5  # a loop: the next frame is the first
    resting = depths(3, Flight(seconds=2, fps=10, ease=0.2, dwell=0.5))
    assert len(resting) == 20 + 3 * 5
    assert [resting.count(float(level)) >= 5 for level in range(3)] == [True] * 3


def test_easing_starts_and_stops_at_rest_and_never_turns_back():
    u = np.linspace(0, 1, 101)
    for ease in (0, 0.1, 0.5):
        moved = [eased(each, ease) for each in u]
        assert moved[0] == 0
        assert moved[-1] == pytest.approx(1)
        assert min(np.diff(moved)) >= 0
    assert eased(0.01, 0.5) < 0.001


@pytest.mark.parametrize(
    ("field", "value"),
    [("seconds", 0), ("fps", -1), ("ease", 0.7), ("deepest", 2), ("way", "up"), ("dwell", -1)],
)
def test_a_flight_names_what_is_wrong(field, value):
    with pytest.raises(InputError, match=field):
        Flight(**{field: value})


def test_a_flight_too_long_and_a_frame_too_large_are_refused():
    with pytest.raises(LimitError, match="seconds"):
        depths(5, Flight(seconds=1e5))
    with pytest.raises(InputError, match="size"):
        next(frames(world(), Flight(), (5000, 100)))


def test_a_living_stack_moves_while_one_rests():
    still = world(2).layers
    clip = torch.cat([still, -still], 2)
    made = list(frames(ZoomStack(clip, 2, fps=4.0), Flight(seconds=1, fps=8, dwell=1), (16, 16)))
    assert len({frame.tobytes() for frame in made[:8]}) == 2


# -- the page --------------------------------------------------------------------------------------


def test_the_page_holds_everything_and_nothing_breaks_out():
    page = viewer_page(
        world(), title="<b>x</b>", texts=["</script>", "b", "c", "d"], recipe={"seed": 7}
    )
    assert "http" not in page.replace("http-equiv", "")
    assert "<b>x" not in page
    assert page.count("</script>") == 3
    assert '"seed":7' in page


def arrive(page, depth):
    """Wait until the eased depth is reached; a busy machine draws few frames a second."""
    for _ in range(300):
        if abs(page.run("player.depth") - depth) < 0.001:  # 2**0.001 does not show in the label
            return
        page.wait(0.1)
    pytest.fail(f"at {page.run('player.depth')} after 30 seconds, not {depth}")


@pytest.mark.browser
@needs_chromium
def test_a_browser_shows_what_python_renders(tmp_path):
    """Three depths, from the canvas's own pixels. Chromium filters bilinearly with 8-bit weights:

    1 in 255 on average and the soft borders' rounding allow a mean of 2 and 99 % within 12.
    """
    stack = world(levels=4, size=128)
    stack = ZoomStack((stack.layers + 0.3 * torch.sin(40 * stack.layers)).clamp(-1, 1)).rendered()
    path = tmp_path / "zoom.html"
    path.write_text(viewer_page(stack, title="a world", texts=["a", "b", "c", "d"]), "utf-8")
    with browser() as page:
        page.size(700, 800)
        page.open(path)
        for depth in (0.0, 1.37, 3.0):
            page.run(f"player.show({depth})")
            shot = json.loads(
                page.run(
                    "(() => { const c = document.getElementById('picture');"
                    "return JSON.stringify([c.width, c.toDataURL('image/png').split(',')[1]]); })()"
                )
            )
            seen = np.asarray(Image.open(io.BytesIO(base64.b64decode(shot[1]))).convert("RGB"))
            base = min(int(depth), 3)
            made = view(list(stack.layers[base : base + 3]), depth - base, 2, (shot[0],) * 2)[:, 0]
            ours = (made.add(1).div(2).clamp(0, 1) * 255).movedim(0, -1).numpy()
            gap = np.abs(seen.astype(float) - ours)
            assert gap.mean() < 2, depth
            assert np.quantile(gap, 0.99) < 12, depth
        page.run("player.show(0)")
        page.run("document.getElementById('picture').focus()")
        page.tab.keyboard.down("End")
        arrive(page, 3)
        page.tab.keyboard.down("Home")
        arrive(page, 0)
        page.tab.mouse.move(350, 300)
        page.tab.mouse.wheel(0, -500)
        arrive(page, 1)
        assert page.run("document.getElementById('picture').ariaValueText").startswith("2.0")
        assert not page.errors


@pytest.mark.browser
@needs_chromium
def test_a_click_on_the_photo_names_its_target(tmp_path):
    """The square is the one that `photo_window` takes."""
    photo = Clip(torch.linspace(0, 1, 300 * 200).reshape(1, 1, 200, 300).expand(1, 3, -1, -1))
    path = tmp_path / "pick.html"
    path.write_text(pick_page(photo, "a 'photo'.jpg", size=64), "utf-8")
    with browser() as page:
        page.size(700, 800)
        page.open(path)
        box = json.loads(
            page.run(
                "JSON.stringify((r => [r.left, r.top, r.width, r.height])"
                "(document.getElementById('picture').getBoundingClientRect()))"
            )
        )
        assert box[2] / box[3] == pytest.approx(1.5, abs=0.01)
        x, y = box[0] + 0.3 * box[2], box[1] + 0.6 * box[3]
        page.tab.mouse.click(x, y)
        target = json.loads(page.run("JSON.stringify(player.target)"))
        assert target == pytest.approx([0.3, 0.6], abs=0.005)
        window = photo_window(photo, 2 * page.run("player.half"), (target[0], target[1]))
        with pytest.raises(InputError, match="target"):
            photo_window(photo, 2 * page.run("player.half") + 2, (target[0], target[1]))
        assert window.shape[-1] == 2 * page.run("player.half")
        told = page.run("document.getElementById('command').textContent")
        assert told.startswith("--photo 'a '\\''photo'\\''.jpg' --target 0.3")
        page.tab.mouse.click(box[0] + 2, y)
        assert "64 are needed" in page.run("document.getElementById('told').textContent")
        assert not page.errors
