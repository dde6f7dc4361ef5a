"""What a type checker knows of the public face; `make check` reads this, nothing runs it."""

from typing import Any, assert_type

import kineograph as kg
from kineograph.families.image_to_video.model import ImageToVideoModel
from kineograph.families.image_tokens.model import TokensModel
from kineograph.families.language.transformer import TransformerModel
from kineograph.families.text_to_video.model import TextToVideoModel
from kineograph.families.text_to_video.settings import TextToVideo
from kineograph.families.visual_prompts.model import VisualPromptsModel
from kineograph.families.zoom.model import FromTextsModel

assert_type(kg.load("stickers"), TextToVideoModel)
assert_type(kg.load("animate"), ImageToVideoModel)
assert_type(kg.load("tokens"), TokensModel)
assert_type(kg.load("scenes"), FromTextsModel)
assert_type(kg.load("words"), TransformerModel)
assert_type(kg.load("visual-prompts"), VisualPromptsModel)
assert_type(kg.load("my-folder"), kg.Model[Any, Any])

request = kg.Request(TextToVideo(text="a ghost"))
assert_type(request.settings, TextToVideo)
assert_type(kg.load("stickers").forecast(request), kg.Forecast)
made = kg.finished(kg.load("stickers").make(request, 1))
assert_type(made, kg.Result[kg.Clip])
assert_type(made.value, kg.Clip)

assert_type(kg.video("a ghost"), kg.Result[kg.Clip])
assert_type(kg.image("a ghost"), kg.Result[kg.Clip])
assert_type(kg.zoom(["a", "b"]), kg.Result[kg.Clip])
assert_type(kg.loop("a.mp4"), kg.Result[kg.Clip])
assert_type(kg.grow("a.png"), kg.Result[kg.Clip])
assert_type(kg.fill("a.png", "b.png"), kg.Result[kg.Clip])
assert_type(kg.extend("a.png", "9x9"), kg.Result[kg.Clip])
assert_type(kg.analogy("a.png", "b.png", "c.png"), kg.Result[kg.Clip])
assert_type(kg.write("a.txt"), kg.Result[str])
