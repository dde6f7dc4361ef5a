"""Figures of moved pictures, against clips whose figures are known."""

import numpy as np
import pytest
import torch

from kineograph.data.sticker_features import RealClips
from kineograph.data.stickers import FRAMES, Sticker, Stickers
from kineograph.evaluation import animate as study
from kineograph.evaluation.sets import Estimate
from kineograph.values.clip import Clip, from_bytes
from kineograph.values.prompt import Progress, Prompt

SIZE = 16


def loop(seed):
    """A bright square that goes to the right and back, (32, 16, 16, 3)."""
    rng = np.random.default_rng(seed)
    frames = np.full((FRAMES, SIZE, SIZE, 3), 255, np.uint8)
    colour = rng.integers(0, 200, 3)
    for k in range(FRAMES):
        left = 2 + min(k, FRAMES - k) // (3 + seed % 3)
        frames[k, 3 + seed % 5 : 9, left : left + 6] = colour
    return frames


@pytest.fixture(scope="module")
def packs():
    splits = ["train"] * 6 + ["val"] * 3 + ["val_motion"] * 3
    clips = tuple(
        Sticker(f"{i}", f"thing {i}", (), "g", f"{i}", split) for i, split in enumerate(splits)
    )
    stills = (
        Sticker("0", "moves elsewhere", (), "g", "0", "train", "flat"),
        Sticker("90", "never moves", (), "g", "90", "train", "noto"),
        Sticker("91", "a 3d one", (), "g", "91", "train", "3d"),
    )
    pixels = np.stack([loop(i) for i in range(len(clips))])
    return Stickers(SIZE, pixels, pixels[:3, 0], clips, stills)


def look(pictures):
    """Eight features: means of halves and quarters."""
    small = torch.nn.functional.adaptive_avg_pool2d(pictures, 4).flatten(1)
    return torch.cat([small, torch.ones(len(small), 1)], dim=1)


def real(packs):
    rows = torch.arange(6)
    clips = [from_bytes(packs.clips[int(row)]) for row in rows]
    looks = torch.stack([look(clip.frames[::8]) for clip in clips])
    return RealClips(packs.clip_records[:6], rows, looks, looks, looks, looks[:0], rows[:0])


def test_stills_of_other_styles_have_no_clip_anywhere(packs):
    found = study.cases(packs, frames=8)
    assert [case.name for case in found["other styles"]] == ["never moves"]
    assert [len(found[name]) for name in ("held out", "motion held out")] == [3, 3]
    case = found["held out"][0]
    assert torch.equal(case.picture.frames[0], case.real.frames[0])
    assert len(case.real) == 8


def test_the_real_clips_are_their_own_measure_and_a_still_does_not_move(packs):
    def truth(some):
        clips = [case.real or case.picture for case in some]
        yield Progress(1.0, "real", clips)

    sets = study.cases(packs, frames=8)
    ways = {"truth": truth, "repeat": study.repeating(8)}
    *_, last = study.study(ways, sets, look, real(packs), seen=SIZE)
    found = last.value.figures
    for name in ("held out", "motion held out"):
        mine = found["truth"][name]
        assert mine.psnr == Estimate(60.0, 60.0, 60.0)
        assert mine.motion_ratio.value == pytest.approx(1.0)
        assert mine.frechet == pytest.approx(0.0, abs=1e-6)
        assert found["real"][name] == mine
        still = found["repeat"][name]
        assert still.identity.value == pytest.approx(1.0, abs=1e-5)
        assert still.motion_ratio.value == pytest.approx(0.0, abs=1e-5)
        assert still.frechet > 1e-4
        assert still.identity.value > mine.identity.value
    assert found["repeat"]["other styles"].frechet is None
    assert "other styles" not in found["real"]
    assert len(last.value.sheet) == 3 * 3 + 3 * 3 + 2


def test_psnr_is_that_of_the_first_frame():
    picture = Clip(torch.full((1, 3, 8, 8), 0.5))
    off = Clip(torch.cat([picture.frames + 0.1, picture.frames]))
    assert study.psnr(off, picture) == pytest.approx(20.0, abs=1e-3)
    assert study.psnr(picture, picture) == 60.0
    large = Clip(torch.full((2, 3, 16, 16), 0.5))
    assert study.psnr(large, picture) == 60.0
    assert study.identity(large, picture, look, 8) == pytest.approx(1.0)


def test_a_borrowed_motion_moves_a_picture_and_the_seed_says_whose(packs):
    some = study.cases(packs, frames=8)["held out"]
    made = [list(study.warping(packs, frames=8, seed=seed)(some))[-1].value for seed in (0, 0, 5)]
    assert all(torch.equal(a.frames, b.frames) for a, b in zip(made[0], made[1], strict=True))
    assert any(not torch.equal(a.frames, b.frames) for a, b in zip(made[0], made[2], strict=True))
    assert all(len(clip) == 8 for clip in made[0])
    assert (made[0][0].frames[0] - some[0].picture.frames[0]).abs().max() < 0.02


def test_drift_is_told_block_by_block(packs):
    class Fades:
        frames, seconds = 4, 1.0

        def make(self, prompt: Prompt, seed, sampling):
            steps = torch.arange(4 * round(prompt.seconds)).view(-1, 1, 1, 1) // 4
            yield Progress(1.0, "made", Clip(0.9 * torch.ones(1, 3, 4, 4) - 0.1 * steps))

    some = study.cases(packs, frames=8)["held out"]
    *_, last = study.drifting(Fades(), some, blocks=3, seed=0)
    assert [gap.value for gap in last.value] == pytest.approx([0.0, 0.1, 0.2], abs=1e-6)
