"""Packs of people's folders: every layout is read, what is wrong is named, bytes repeat."""

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kineograph import media
from kineograph.data.composed.scenes import GROUNDS
from kineograph.data.own import alike, found, said
from kineograph.data.own import pack as own_pack
from kineograph.data.own.composing import Composing
from kineograph.data.own.feed import CutoutsOfPack, Kept, subject_of
from kineograph.data.own.pack import opened, squared, text_of
from kineograph.data.own.packing import packed
from kineograph.data.own.settings import Folder
from kineograph.data.shards import read, read_about
from kineograph.frames import render
from kineograph.values.clip import from_bytes
from kineograph.values.errors import InputError, KineographError, LimitError, MissingError
from kineograph.values.progress import last


def picture(seed, size=(48, 36), alpha=True):
    """A few squares of colour, each seed another drawing."""
    rng = np.random.default_rng(seed)
    pixels = np.zeros((*size, 4), np.uint8)
    pixels[..., 3] = 0 if alpha else 255
    part = min(size) // 3
    for _ in range(4):
        top, left = rng.integers(size[0] - part), rng.integers(size[1] - part)
        pixels[top : top + part, left : left + part, :3] = rng.integers(0, 256, 3)
        pixels[top : top + part, left : left + part, 3] = 255
    return pixels


def drawings(folder, count=10):
    folder.mkdir()
    for n in range(count):
        Image.fromarray(picture(n)).save(folder / f"thing_{n:02d}.png")
    return folder


def pack(folder, out, **values):
    return last(packed(Folder(folder=folder, **values), out))


def test_a_folder_becomes_a_pack_with_captions_a_split_and_a_page(tmp_path):
    folder = drawings(tmp_path / "mine")
    rows = "".join(f"thing_{n:02d}.png,a blip number {n}\n" for n in range(9))
    (folder / "captions.csv").write_text("file,caption\n" + rows + "gone.png,nothing\n")
    about, understood = pack(folder, tmp_path / "pack", licence="CC0-1.0")
    assert about["licence"] == "CC0-1.0"
    assert (about["kind"], len(about["held_out"])) == ("pictures", 1)
    assert understood.no_caption == ["thing_09.png"]
    assert understood.unused == ["gone.png"]
    told = read_about(tmp_path / "pack")
    assert told["pictures"] == 10
    captions = {one.facts["file"]: one.facts["caption"] for one in read(tmp_path / "pack")}
    assert captions["thing_03.png"] == "a blip number 3"
    assert captions["thing_09.png"] == "thing"  # made of its name
    assert (tmp_path / "pack" / "sheet.png").is_file()
    assert "thing_09.png" in (tmp_path / "pack" / "understood.html").read_text()


def test_the_same_folder_gives_the_same_bytes(tmp_path):
    folder = drawings(tmp_path / "mine", 8)
    for name in ("one", "two"):
        pack(folder, tmp_path / name, name="same")
    files = [{p.name: p.read_bytes() for p in (tmp_path / n).iterdir()} for n in ("one", "two")]
    assert files[0] == files[1]


def test_bad_files_are_named_and_left_out_up_to_a_share(tmp_path):
    folder = drawings(tmp_path / "mine", 4)
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno")
    _, understood = pack(folder, tmp_path / "pack", bad=0.3)
    assert [name for name, _ in understood.bad] == ["broken.png"]
    with pytest.raises(InputError, match=r"1 of 5 files cannot be read.*broken\.png"):
        pack(folder, tmp_path / "other", bad=0.1)
    assert not (tmp_path / "other").exists()
    with pytest.raises(InputError, match="no caption"):
        pack(drawings(tmp_path / "bare", 2), tmp_path / "third", missing="refuse")


def test_near_duplicates_are_found_and_stay_on_one_side(tmp_path):
    folder = drawings(tmp_path / "mine", 9)
    again = Image.fromarray(picture(3)).resize((72, 96), Image.Resampling.NEAREST)
    again.save(folder / "thing_90.png")
    about, understood = pack(folder, tmp_path / "pack", hold_out=0.2)
    assert understood.duplicates == [["thing_03.png", "thing_90.png"]]
    (pair,) = about["near_duplicates"]
    assert len(set(pair) & set(about["held_out"])) in (0, 2)


def test_other_drawings_and_other_colours_are_not_alike():
    looks = [alike.look_of(picture(seed)) for seed in range(12)]
    assert alike.groups(looks, 8) == [[n] for n in range(12)]
    red, blue = picture(1), picture(1)
    red[..., :3], blue[..., :3] = (250, 0, 0), (0, 0, 250)
    assert len(alike.groups([alike.look_of(red), alike.look_of(blue)], 8)) == 2


def test_clips_and_texts_beside_are_read(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    frames = np.stack([picture(n, (16, 16), alpha=False)[..., :3] for n in (1, 2, 3)])
    media.save(from_bytes(frames, fps=4), folder / "moves.gif")
    (folder / "moves.txt").write_text("a thing that moves\n")
    pack(folder, tmp_path / "pack")
    (one,) = read(tmp_path / "pack")
    assert one.pixels.shape == (3, 16, 16, 4)
    assert one.facts["caption"] == "a thing that moves"
    assert one.facts["fps"] == 4
    whole = opened(tmp_path / "pack", 16)
    assert len(whole.pixels) == 3
    assert len(whole.captions) == 1


def shard(path, count, said):
    with tarfile.open(path, "w") as tar:
        for n in range(count):
            held = io.BytesIO()
            Image.fromarray(picture(n)).save(held, "PNG")
            for kind, content in (("png", held.getvalue()), said(n)):
                entry = tarfile.TarInfo(f"{n:04d}.{kind}")
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))


def test_shards_in_the_manner_of_webdataset_are_read(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    shard(folder / "train-00000.tar", 3, lambda n: ("txt", f"number {n}".encode()))
    shard(folder / "val-00000.tar", 1, lambda n: ("json", json.dumps({"caption": "kept"}).encode()))
    about, _ = pack(folder, tmp_path / "pack")
    captions = [one.facts["caption"] for one in read(tmp_path / "pack")]
    assert captions == ["number 0", "number 1", "number 2", "kept"]
    held = [one.facts["caption"] for one in read(tmp_path / "pack") if one.key in about["held_out"]]
    assert "kept" in held  # and what looks the same as it


def test_a_pack_is_a_source_too(tmp_path):
    pack(drawings(tmp_path / "mine", 4), tmp_path / "pack")
    pack(tmp_path / "pack", tmp_path / "again")
    one, two = (list(read(tmp_path / name)) for name in ("pack", "again"))
    assert [a.facts["caption"] for a in one] == [b.facts["caption"] for b in two]
    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(one, two, strict=True))


def test_tables_of_datasets_are_read_or_told(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    try:
        import pyarrow as pa
        import pyarrow.parquet as parquet
    except ImportError:
        (folder / "train-00000.parquet").write_bytes(b"PAR1")
        with pytest.raises(MissingError, match="pip install pyarrow"):
            list(found.things_in(folder, found.layout_of(folder)))
        return
    held = io.BytesIO()
    Image.fromarray(picture(0)).save(held, "PNG")
    rows = {"image": [{"bytes": held.getvalue(), "path": "a.png"}], "text": ["a thing"]}
    parquet.write_table(pa.table(rows), folder / "train-00000.parquet")
    with pa.OSFile(str(folder / "more.arrow"), "wb") as sink:
        table = pa.table(rows)
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
    pack(folder, tmp_path / "pack")
    assert [one.facts["caption"] for one in read(tmp_path / "pack")] == ["a thing"] * 2


def test_texts_become_a_pack_of_texts(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    for name, text in (("a", "One."), ("b", "Two."), ("c", "One.")):
        (folder / f"{name}.txt").write_text(text)
    about, understood = pack(folder, tmp_path / "pack")
    assert about["kind"] == "texts"
    assert understood.duplicates == [["a.txt", "c.txt"]]
    assert text_of(tmp_path / "pack") == ("One.\n\nTwo.", "")
    with pytest.raises(InputError, match="not pictures"):
        opened(tmp_path / "pack", 16)


@pytest.mark.parametrize(
    ("name", "caption"),
    [
        ("blip_jumping-03.png", "blip jumping"),
        ("RedBalloon.webp", "red balloon"),
        ("IMG_2041.jpg", ""),
        ("12.png", ""),
    ],
)
def test_file_names_become_captions(name, caption):
    assert said.from_name(name) == caption


def test_a_table_without_its_columns_is_refused(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="file,caption"):
        said.captions_for(tmp_path, "t.csv")
    (tmp_path / "t.jsonl").write_text('{"file": "a.png", "caption": "x"}\nno\n')
    with pytest.raises(InputError, match="line 2"):
        said.captions_for(tmp_path, "t.jsonl")
    with pytest.raises(InputError, match="is not there"):
        said.captions_for(tmp_path, "gone.csv")


def test_an_empty_folder_is_told(tmp_path):
    with pytest.raises(InputError, match="holds no pictures"):
        found.layout_of(tmp_path)
    with pytest.raises(KineographError):
        pack(tmp_path / "gone", tmp_path / "pack")


def encoder(texts, short=True):
    """One token a text: its length."""
    import torch

    words = torch.tensor([[[float(len(text))] * 384] for text in texts])
    mask = torch.tensor([[bool(text)] for text in texts])
    return words, mask, words[:, 0]


def test_a_feed_is_a_pure_function_of_seed_and_samples_seen(tmp_path):
    import torch

    folder = drawings(tmp_path / "mine", 9)
    rows = "".join(f"thing_{n:02d}.png,a blip {n}\n" for n in range(9))
    (folder / "captions.csv").write_text("file,caption\n" + rows)
    pack(folder, tmp_path / "pack")
    whole = opened(tmp_path / "pack", 16)
    assert subject_of(whole.captions) == "blip"
    kept = Kept(torch.zeros(2, 4, 16, 16, dtype=torch.uint8), ("a dog", "a cat"), "blip")
    feeds = [CutoutsOfPack(whole, kept, encoder=encoder) for _ in range(2)]
    one, two, other = (
        feed(8, 1, seed=1, seen=seen)
        for feed, seen in zip((*feeds, feeds[0]), (8, 8, 16), strict=True)
    )
    assert torch.equal(one[0], two[0])
    assert torch.equal(one[1].words, two[1].words)
    assert not torch.equal(one[0], other[0])
    assert one[0].shape == (8, 4, 1, 16, 16)
    assert float(one[0].min()) >= -1
    assert float(one[0].max()) <= 1
    clean, _ = feeds[0].held_out()
    assert len(clean) == len(whole.kept_out) == 1
    assert not set(feeds[0].captions) & {whole.captions[i] for i in whole.kept_out}


def test_squares_keep_a_picture_whole_or_fill_with_it():
    wide = picture(0, (10, 30), alpha=False)
    assert squared(wide, 16)[3].float().mean() < 255  # nothing above and below
    assert int(squared(wide, 16, fill=True)[3].min()) == 255


def test_a_composed_picture_shows_what_is_said_of_it():
    import torch

    from kineograph.evaluation.composing import pieces

    thing = torch.zeros(4, 32, 32)
    thing[1:, 6:26, 6:26] = 1.0  # a turquoise square
    other = torch.zeros(4, 32, 32)
    other[2:, 10:22, 10:22] = 1.0  # a blue one
    make = Composing("blip", [("box", other)])
    rng, kinds = np.random.default_rng(0), set()
    numbers = {"two": 2, "2": 2, "three": 3, "3": 3, "four": 4, "4": 4}
    for _ in range(300):
        made, text = make(thing, 48, rng)
        words = text.split()
        assert text in make.texts
        ground = GROUNDS[words[-2]] if words[-1] in ("ground", "background") else None
        if ground is not None:
            assert made[:3, 0, 0].tolist() == pytest.approx(ground)
            continue
        count = numbers.get(words[0], 2 if "box" in words else 1)
        kinds.add((count, "box" in words))
        assert pieces(made[3]) == count, text
    assert kinds == {(1, False), (2, False), (3, False), (4, False), (2, True)}


def test_a_thing_beside_another_takes_the_colour_that_is_said():
    import torch

    from kineograph.data.composed.colours import HUES, mean_hue

    thing, other = torch.zeros(2, 4, 32, 32)
    thing[3, 6:26, 6:26] = 1.0  # black
    other[2:, 10:22, 10:22] = 1.0
    make = Composing("blip", [("box", other)])
    rng, seen = np.random.default_rng(1), 0
    for _ in range(200):
        made, text = make(thing, 48, rng)
        colour = next((word for word in text.split() if word in HUES), "")
        if "box" in text and colour:
            hue = mean_hue(made)[0]
            assert min(abs(hue - HUES[colour]), 1 - abs(hue - HUES[colour])) < 0.02
            seen += 1
    assert seen > 10


def test_the_subject_is_the_first_of_the_words_that_captions_share():
    swaying = ["a blip swaying", "a happy blip swaying", "a blip with a hat swaying"]
    assert subject_of(swaying) == "blip"
    assert subject_of(["a cat", "a dog"]) == ""


def test_a_clip_whose_ends_do_not_meet_goes_there_and_back():
    import torch

    from kineograph.data.own.pack import Pack

    def rows(values):
        pixels = torch.tensor(values, dtype=torch.uint8)[:, None, None, None].expand(-1, 4, 2, 2)
        whole = Pack({}, pixels, np.zeros(len(values), int), ("",), ("",), np.array([False]))
        return whole.looping(np.arange(len(values))).tolist()

    assert rows([0, 50, 100, 150, 200]) == [0, 1, 2, 3, 4, 3, 2, 1]
    assert rows([0, 50, 100, 50]) == [0, 1, 2, 3]


def test_a_pack_larger_than_memory_lies_in_a_file_and_reads_the_same(tmp_path, monkeypatch):
    import torch

    folder = drawings(tmp_path / "mine", 9)
    pack(folder, tmp_path / "pack")
    whole = opened(tmp_path / "pack", 16)
    monkeypatch.setattr(own_pack, "IN_MEMORY", 3 * 4 * 16 * 16)
    mapped = opened(tmp_path / "pack", 16)
    assert torch.equal(whole.pixels, mapped.pixels)
    rows = np.array([7, 0, 7])
    assert torch.equal(whole.pictures(rows), mapped.pictures(rows))


def test_a_full_disk_is_told_with_its_remedy(tmp_path, monkeypatch):
    folder = drawings(tmp_path / "mine", 5)
    pack(folder, tmp_path / "pack")
    monkeypatch.setattr(own_pack, "IN_MEMORY", 0)
    full = Path("/dev/full").open("r+b", buffering=0)  # noqa: SIM115
    monkeypatch.setattr(render.tempfile, "NamedTemporaryFile", lambda **_: full)
    with pytest.raises(LimitError, match="make room"):
        opened(tmp_path / "pack", 16)
    full.close()
