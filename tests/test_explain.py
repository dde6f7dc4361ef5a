"""explain: what made a file, told from a making that is run again and watched."""

import html
import json
import re

import numpy as np
import pytest

import kineograph as kg
import tiny_models
from kineograph import record
from kineograph.cli import main
from kineograph.explain import by_example, story
from kineograph.values.clip import from_bytes

EXAMPLES = story.__file__.rpartition("/explain/")[0] + "/studio/page/examples/"


def run(*words):
    with pytest.raises(SystemExit) as left:
        main([str(word) for word in words])
    return left.value.code


@pytest.fixture
def grown(tmp_path):
    """A texture with its record, the sample beside it."""
    noise = np.random.default_rng(0).integers(1, 255, (1, 20, 20, 3), dtype=np.uint8)
    sample = from_bytes(noise).save(tmp_path / "sample.png")
    return kg.grow(sample, size="18x18", window=5, seed=1).save(tmp_path / "grown.png")


def test_a_texture_is_told_by_its_steps_its_candidates_and_its_map(grown):
    assert run("explain", grown) == 0
    page = (grown.parent / "grown.explained.html").read_text("utf-8")
    titles = re.findall(r"<h2><span>\d+</span> (.*?)</h2>", page)
    assert titles == [
        "What was asked",
        "Pixel by pixel",
        "The candidates",
        "Where every pixel came from",
        "What came out",
    ]
    assert "324 of 324 pixels" in page and "Share above the best match" in page
    assert "default-src 'none'" in page
    assert not re.search(r'(src|href)="(?!data:)', page), "nothing comes from elsewhere"


def test_the_page_says_of_itself_what_it_tells(grown):
    assert run("explain", grown, "-o", grown.parent / "told.html", "--steps", 3) == 0
    known = record.read(grown.parent / "told.html")
    assert known.verb == "explain" and known.settings["steps"] == 3
    assert known.inputs["file"]["name"] == "grown.png"


def test_a_text_is_told_by_what_each_word_was_drawn_from(tmp_path):
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("the cat sat. the dog sat. the cat ran. the dog ran. " * 3)
    made = kg.write(corpus, order=1, n=12, seed=2).save(tmp_path / "made.txt")
    assert run("explain", made) == 0
    page = (tmp_path / "made.explained.html").read_text("utf-8")
    assert "What it was drawn from" in page
    shares = [int(share) for share in re.findall(r"<td>(\d+)%</td>", page)]
    assert 50 in shares, "after 'the' come cat and dog alike"


def test_a_picture_is_told_from_words_to_its_last_step(tmp_path):
    made = kg.image("a red heart", size=128, steps=3, seed=1).save(tmp_path / "heart.png")
    assert run("explain", made) == 0
    page = (tmp_path / "heart.explained.html").read_text("utf-8")
    for told in ("a · red · heart", "red heart</td>", "step 1", "step 3", "64 pixels into 128"):
        assert told in page, told


def test_a_loop_is_told_by_its_distances_and_jumps(tmp_path):
    clip = kg.read(EXAMPLES + "candle.webp")[:40].over().save(tmp_path / "candle.webp")
    made = kg.loop(clip, best_loop=True, seed=1).save(tmp_path / "loop.webp")
    assert run("explain", made) == 0
    page = (tmp_path / "loop.explained.html").read_text("utf-8")
    assert "Every frame against every frame" in page and "comes instead" in page


def titles_of(page):
    return re.findall(r"<h2><span>\d+</span> (.*?)</h2>", page)


def explained(made, *more):
    """The page on a file, its entities read."""
    assert run("explain", made, "-o", made.with_suffix(".told.html"), "--force", *more) == 0
    page = made.with_suffix(".told.html").read_text("utf-8")
    assert not re.search(r'(src|href)="(?!data:)', page), "nothing comes from elsewhere"
    assert titles_of(page)[0] == "What was asked" and titles_of(page)[-1] == "What came out"
    return html.unescape(page)


def test_a_cascade_is_told_stage_by_stage(tmp_path):
    tiny = tiny_models.scenes(tmp_path / "tiny")
    made = tmp_path / "made.png"
    assert run("image", "a moon", "--by", "cascade", "--model", tiny, "--seed", 1, "-o", made) == 0
    page = explained(made, "--model", tiny)
    assert titles_of(page)[1:-1] == [
        "From text to numbers",
        "From noise to a clip: base",
        "From noise to a clip: more",
    ]
    assert "base, step 1 of 2" in page and "enlarged, and adds what is finer" in page
    assert "cascade (usual)" not in page, "it was asked for"


def test_a_zoom_is_told_by_all_its_levels(tmp_path):
    tiny = tiny_models.scenes(tmp_path / "tiny")
    words = ("--level", "a moon", "--level", "a rock", "--model", tiny, "--seconds", 0.5)
    for name in ("made.webp", "made.html"):
        made = tmp_path / name
        more = () if name == "made.html" else ("--fps", 4, "--size", 32)
        assert run("zoom", *words, *more, "--seed", 1, "-o", made, "--force") == 0
        page = explained(made, "--model", tiny)
        assert titles_of(page)[1:-1] == [
            "From text to numbers",
            "From noise to a world at every scale",
        ]
        assert "moon" in page and "2 pictures, each the middle of the one before" in page
    assert "open it in a browser" in page


def test_a_sprite_is_told_by_what_is_cut_out(tmp_path):
    clip = kg.read(EXAMPLES + "fish.webp")[:24].save(tmp_path / "fish.webp")
    made = tmp_path / "sprite.html"
    assert run("sprite", clip, "--seed", 1, "-o", made) == 0
    page = explained(made)
    assert titles_of(page)[1:-1] == ["The figure is cut out"]
    assert "cutting frame" in page and "open it in a browser" in page


def test_tokens_are_told_code_by_code(tmp_path):
    tiny = tiny_models.tokens(tmp_path / "tiny")
    made = tmp_path / "made.png"
    assert run("image", "a moon", "--by", "tokens", "--model", tiny, "--seed", 1, "-o", made) == 0
    page = explained(made, "--model", tiny)
    assert titles_of(page)[1:-1] == ["From text to numbers", "Code by code"]
    assert "code 1 of 16" in page and "16x16 pixels, opaque" in page


@pytest.mark.parametrize(
    ("by", "titles"),
    [
        ("patches", ["Row by row, from coarse to fine", "Where every pixel came from"]),
        ("tokens", ["The fourth cell"]),
        ("both", ["Row by row, from coarse to fine", "The fourth cell"]),
    ],
)
def test_an_analogy_is_told_as_it_was_made(by, titles, tmp_path):
    rng = np.random.default_rng(0)
    for name in ("a", "a2", "b"):
        pixels = rng.integers(0, 255, (1, 12, 12, 3), dtype=np.uint8)
        from_bytes(pixels).save(tmp_path / f"{name}.png")
    made, three = tmp_path / "made.png", [tmp_path / f"{name}.png" for name in ("a", "a2", "b")]
    assert run("analogy", *three, "--by", by, "--seed", 1, "-o", made) == 0
    page = explained(made)
    assert titles_of(page)[1:-1] == titles
    assert ("level 0, row" in page) == (by != "tokens")
    assert ("filled" in page) == (by != "patches")


def test_a_transformer_is_told_by_shares_of_pieces(tmp_path):
    made = tmp_path / "made.txt"
    assert run("write", "--model", "words", "-n", 8, "--seed", 1, "-o", made) == 0
    page = explained(made)
    assert titles_of(page)[1:-1] == ["What it was drawn from"]
    assert "A transformer reads all pieces" in page and 'class="bars"' in page


def test_a_picture_that_comes_alive_is_told_by_its_motion(tmp_path):
    tiny = tiny_models.animate(tmp_path / "tiny")
    noise = np.random.default_rng(0).integers(1, 255, (1, 16, 16, 3), dtype=np.uint8)
    picture = from_bytes(noise).save(tmp_path / "picture.png")
    made = tmp_path / "made.webp"
    assert run("video", "--image", picture, "--model", tiny, "--seed", 1, "-o", made) == 0
    page = explained(made, "--model", tiny)
    assert titles_of(page)[1:-1] == ["How it moves"]
    assert "block 1 of 1, step 1 of 2" in page and "image: picture.png" in page


def test_an_input_that_is_gone_or_changed_is_named_and_may_lie_elsewhere(grown, capsys):
    sample = grown.parent / "sample.png"
    moved = sample.rename(grown.parent / "moved.png")
    assert run("explain", grown) == 2
    assert "sample.png" in capsys.readouterr().err
    assert run("explain", grown, "--input", f"sample.0={moved}") == 0
    kg.Clip(kg.read(moved).frames * 0.5).save(sample)
    assert run("explain", grown, "--force") == 2
    assert "is not the file" in capsys.readouterr().err


def test_what_carries_no_record_or_is_not_there_is_bad_input(tmp_path, capsys):
    plain = tmp_path / "plain.png"
    from PIL import Image

    Image.new("RGB", (8, 8)).save(plain)
    for words in ((plain,), (tmp_path / "none.png",), (plain, "--input", "nothing")):
        assert run("explain", *words, "--json") == 2
        assert json.loads(capsys.readouterr().out)["exit"] == 2


def test_candidates_are_those_of_plain_comparison():
    rng = np.random.default_rng(3)
    sample = rng.integers(0, 255, (12, 14, 3), dtype=np.uint8)
    known = rng.random((5, 5)) < 0.6
    here = rng.integers(0, 255, (5, 5, 3), dtype=np.uint8)
    away = np.arange(5) - 2
    gauss = np.exp(-(away[:, None] ** 2 + away**2) / (2 * (5 / 6.4) ** 2)) * known
    gauss[2, 2] = 0
    cost = {}
    for y in range(2, 10):
        for x in range(2, 12):
            apart = sample[y - 2 : y + 3, x - 2 : x + 3].astype(float) - here
            cost[y, x] = float(((apart**2).sum(-1) * gauss).sum())
    wanted = sorted(at for at, c in cost.items() if c <= 1.3 * min(cost.values()) + 1e-9)
    found = by_example.candidates(sample, here, known, 0.3)
    assert sorted(map(tuple, found.tolist())) == wanted
