"""explain: what made a file, told from a making that is run again and watched."""

import json
import re

import numpy as np
import pytest

import kineograph as kg
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
