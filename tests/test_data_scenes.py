"""The painters and their packs: pencils against plain arithmetic, pictures by their seeds."""

import numpy as np
import pytest
import torch

from kineograph.data.scenes import packs, pencils
from kineograph.data.scenes.feed import ScenesFeed
from kineograph.data.scenes.pencils import Paper
from kineograph.data.scenes.pictures import scene
from kineograph.data.scenes.subjects import SUBJECTS, caption, painted, worded
from kineograph.data.sticker_texts import TOKENS, WIDTH, stored
from kineograph.nets.encoders import TextStates
from kineograph.values.errors import InputError, MissingError


def paper(size=64, near=1.0, seed=0):
    return Paper(np.random.default_rng(seed), size, near)


# -- pencils ---------------------------------------------------------------------------------------


def test_a_fractal_has_mean_0_deviation_1_and_the_slope_asked_for():
    plane = paper(256).fractal(1, 2.0)
    assert abs(plane.mean()) < 1e-5
    assert abs(plane.std() - 1) < 1e-4
    power = np.abs(np.fft.rfft2(plane)) ** 2
    f = np.hypot(np.fft.fftfreq(256, 1 / 256)[:, None], np.arange(129))
    low, high = (power[(f >= a) & (f < 1.5 * a)].mean() for a in (8, 64))
    assert np.log(low / high) / np.log(8) == pytest.approx(4, abs=0.15)  # amplitude 1 / f**2


def test_nearer_is_larger():
    """White below `most` waves: half as many of them across the picture when twice as near."""
    for near in (0.5, 1.0, 2.0):
        plane = paper(128, near).fractal(0.1, 0.0, most=16)
        power = np.abs(np.fft.fft(plane, axis=1)) ** 2
        f = np.abs(np.fft.fftfreq(128, 1 / 128))
        mean = (power.mean(0) * f).sum() / power.mean(0).sum()
        assert mean == pytest.approx(paper_mean(16 / near), rel=0.08)


def paper_mean(most):
    """Mean |frequency| along one axis of exp(-(f / most)**8) over the plane."""
    f = np.fft.fftfreq(512, 1 / 128)
    weight = np.exp(-2 * (np.hypot(f[:, None], f) / most) ** 4).sum(0)
    return (weight * np.abs(f)).sum() / weight.sum()


def test_cells_are_those_of_the_nearest_seed():
    one = paper(seed=3)
    table = np.random.default_rng(3).random((64, 64, 3), dtype=np.float32)  # the same draw
    y, x = np.meshgrid(np.linspace(2, 6, 23), np.linspace(3, 7, 23), indexing="ij")
    found = pencils.cells(one, y.astype(np.float32), x.astype(np.float32), 0.9)
    rows, columns = np.meshgrid(np.arange(64), np.arange(64), indexing="ij")
    seeds = np.stack([rows, columns], -1) + 0.5 + 0.9 * (table[..., :2] - 0.5)
    apart = np.hypot(y[..., None, None] - seeds[..., 0], x[..., None, None] - seeds[..., 1])
    apart = np.sort(apart.reshape(23, 23, -1))
    np.testing.assert_allclose(found.near, apart[..., 0], atol=1e-5)
    np.testing.assert_allclose(found.next, apart[..., 1], atol=1e-5)
    np.testing.assert_allclose(np.hypot(found.dy, found.dx), found.near, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "area"),
    [(pencils.ELLIPSE, np.pi * 0.5 * 0.25), (pencils.ROD, np.pi * 0.0625 + 0.5 * 0.5)],
)
def test_a_shape_covers_its_area_whatever_its_angle(kind, area):
    for angle in (0.0, 0.7, 2.0):
        shape = pencils.Shapes(*(np.array(v, np.float32) for v in (
            [[0.1, -0.1]], [[0.5, 0.25]], [angle], [[1, 1, 1]],
        )))  # fmt: skip
        blank = np.zeros((128, 128, 3), np.float32)
        made = pencils.laid(blank, shape, kind)
        assert made[..., 0].sum() * (2 / 128) ** 2 == pytest.approx(area, rel=0.03)
    assert not blank.any()


def test_sampling_at_the_pixels_gives_the_pixels():
    plane = paper(16).fractal(2)
    y, x = paper(16).grid(turned=False)
    np.testing.assert_allclose(pencils.sampled(plane, y, x), plane, atol=1e-5)
    np.testing.assert_allclose(pencils.sampled(plane, y + 2, x - 2), plane, atol=1e-4)


# -- subjects --------------------------------------------------------------------------------------


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda one: one.name)
def test_a_picture_is_a_function_of_its_seed(subject):
    first, word = painted(subject, 5, 40)
    again, _ = painted(subject, 5, 40)
    assert first.shape == (40, 40, 3)
    assert np.isfinite(first).all()
    assert 0 <= first.min() < first.max() <= 1
    np.testing.assert_array_equal(first, again)
    other, _ = painted(subject, 6, 40)
    assert np.abs(first - other).mean() > 0.003
    assert all(value in subject.words[key] for key, value in word.items())


def test_captions_are_clean_and_tell_subjects_apart():
    assert len(SUBJECTS) >= 24
    rng, seen = np.random.default_rng(0), {}
    for one in SUBJECTS:
        for _ in range(20):
            text = caption(one, worded(one, rng))
            assert "{" not in text
            assert "  " not in text
            assert " ," not in text
            assert seen.setdefault(text, one.name) == one.name


def test_a_share_of_scenes_shows_one_subject_around_another():
    made = [scene(i % len(SUBJECTS), i, 16) for i in range(60)]
    mixed = [one for one in made if not one.pure]
    assert 0.2 < len(mixed) / len(made) < 0.6
    for one in mixed:
        assert " around " in one.captions[0]
        assert one.captions[1] in one.captions[0]
    for one in made:
        if one.pure:
            assert one.captions[1] == SUBJECTS[one.subject].name


# -- packs and feed --------------------------------------------------------------------------------


class Here:
    """The pool without processes."""

    def __init__(self, *_, **__):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    map = staticmethod(map)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("data") / "scenes"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packs, "ProcessPoolExecutor", Here)
        patch.setattr(packs, "SUBJECTS", SUBJECTS[:3])
        patch.setattr(packs, "CHUNK", 7)
        *_, last = packs.build(place, 10)
        assert last.done == 1
        assert [step.note for step in packs.build(place, 10)] == ["pictures are up to date"]

    import torch

    def read(texts):
        rows = torch.tensor([[len(text) / 100] for text in texts])
        mask = torch.zeros(len(texts), TOKENS, dtype=torch.bool)
        return TextStates(rows[..., None].expand(-1, TOKENS, WIDTH), mask, rows.expand(-1, WIDTH))

    for _ in stored(place, packs.captions(packs.load(place)), encoder=read):
        pass
    return place


def test_a_pack_holds_what_was_painted(folder):
    pack = packs.load(folder)
    one = scene(1, 4, 256)
    row = 4 * 3 + 1
    assert pack.captions[row] == one.captions
    assert (pack.subject[row], pack.pure[row]) == (one.subject, one.pure)
    small = one.picture.reshape(64, 4, 64, 4, 3).mean((1, 3)) * 255
    assert np.abs(pack.small[row] - small).max() <= 0.51
    assert pack.held.sum() == 3
    places = [
        (y, x)
        for y in range(0, 129, 4)
        for x in range(0, 129, 4)
        if np.abs(pack.crops[row] - one.picture[y : y + 128, x : x + 128] * 255).max() <= 0.51
    ]
    assert len(places) == 1


def test_a_feed_is_a_function_of_seed_and_samples_seen(folder):
    feed = ScenesFeed(64, folder=folder)
    clean, cond = feed(5, 1, seed=3, seen=40)
    again, _ = feed(5, 1, seed=3, seen=40)
    assert tuple(clean.shape) == (5, 3, 1, 64, 64)
    assert cond.low is None
    assert bool((clean == again).all())
    assert not bool((clean == feed(5, 1, seed=3, seen=45)[0]).all())


def test_smaller_pictures_are_means_of_the_same(folder):
    whole, _ = ScenesFeed(64, folder=folder)(4, 1, seed=3, seen=8)
    small, cond = ScenesFeed(32, low_size=16, folder=folder)(4, 1, seed=3, seen=8)
    torch.testing.assert_close(small, whole.reshape(4, 3, 1, 32, 2, 32, 2).mean((4, 6)))
    torch.testing.assert_close(cond.low, whole.reshape(4, 3, 1, 16, 4, 16, 4).mean((4, 6)))


def test_what_is_held_out_is_never_shown(folder):
    feed, pack = ScenesFeed(64, folder=folder), packs.load(folder)
    shown = feed(200, 1, seed=0, seen=0)[0].add(1).mul(127.5).round().mean((1, 2, 3, 4))
    held = pack.small[pack.held].mean((1, 2, 3))  # turning and mirroring keep the mean
    assert all(np.abs(shown.numpy() - mean).min() > 1e-3 for mean in held)


def test_crops_come_with_their_means_below(folder):
    clean, cond = ScenesFeed(256, low_size=64, crop=64, folder=folder)(3, 1, seed=1, seen=2)
    assert tuple(clean.shape) == (3, 3, 1, 64, 64)
    means = clean.reshape(3, 3, 1, 16, 4, 16, 4).mean((4, 6))
    assert float((cond.low - means).abs().max()) < 1e-6


def test_crops_of_small_pictures_are_cut_from_them(folder):
    clean, cond = ScenesFeed(64, low_size=16, crop=32, folder=folder)(3, 1, seed=1, seen=2)
    assert tuple(clean.shape) == (3, 3, 1, 32, 32)
    torch.testing.assert_close(cond.low, clean.reshape(3, 3, 1, 8, 4, 8, 4).mean((4, 6)))
    small = packs.load(folder).small
    shown = clean[0, :, 0].add(1).mul(127.5).round().byte().permute(1, 2, 0).numpy()
    turned = [np.rot90(shown[:, ::step], k) for step in (1, -1) for k in range(4)]
    corners = [(y, x) for y in range(0, 33, 4) for x in range(0, 33, 4)]
    assert any(
        (one == picture[y : y + 32, x : x + 32]).all()
        for picture in small
        for y, x in corners
        for one in turned
        if (one[0, 0] == picture[y, x]).all()
    )


def test_sizes_that_are_not_there_are_named(folder, tmp_path):
    with pytest.raises(InputError, match="crops of 0"):
        ScenesFeed(128, folder=folder)
    with pytest.raises(InputError, match="48 pixels"):
        ScenesFeed(48, folder=folder)
    with pytest.raises(InputError, match="frames"):
        ScenesFeed(64, folder=folder)(1, 8, seed=0, seen=0)
    with pytest.raises(MissingError, match="kineograph data scenes"):
        packs.load(tmp_path)
