"""Where sentences end, by language; texts without spaces; several corpora."""

import pytest

from kineograph.families.language.model import CountsModel
from kineograph.families.language.settings import ByCounts
from kineograph.families.language.words.corpus import read_corpus
from kineograph.values.errors import InputError
from kineograph.values.progress import finished
from kineograph.values.request import Request
from kineograph.values.source import Source

SENTENCES = {
    "English": "Mr. Hale met Dr. Moss near St. Ives at 3.14 p.m. on Jan. 5. | J. R. Smith left. |"
    " It cost 2.50, e.g. a lot, cf. Fig. 3 there. | He asked why? | She said 'No.' | And I. | Go!",
    "German": "Er kam am 3. Oktober, z. B. mit Hrn. Braun, d.h. spät. | Dr. Huber ging. | Na ja!",
    "French": "M. Dupont et Mme. Roux vinrent. | C'est tout ! | Et J.-P. Sartre ?",
    "Spanish": "La Sra. López y el Sr. Díaz hablan. | ¿Quién? | ¡Vamos!",
    "Russian": "В 1912 г. Иванов жил на ул. Ленина. | Он писал и т. д. каждый день. | Да!",
    "Hindi": "बिल्ली चटाई पर बैठी। | कुत्ता घर तक दौड़ा। | राम फल खाता है॥",
    "Arabic": "ذهب الولد إلى المدرسة. | هل جاء المعلم؟ | نعم!",
    "Urdu": "وہ گھر گیا۔ | کیا تم آؤ گے؟ | ہاں۔",
    "Chinese": "春天來了，花開了。 | 小鳥在樹上唱歌！ | 你好嗎？",
    "Japanese": "今日は晴れです。 | 「行こう。」 | 彼は言った｡",
    "Armenian": "Նա գնաց տուն։ | Մենք մնացինք։",
    "Amharic": "ልጁ ወደ ቤት ሄደ። | እኛ ቆየን።",
    "Burmese": "သူသွားသည်။ | ငါတို့နေသည်။",
}


@pytest.mark.parametrize("unit", ["word", "letter"])
@pytest.mark.parametrize("language", SENTENCES)
def test_sentences_begin_where_they_begin(language, unit):
    spaceless = language in ("Chinese", "Japanese", "Burmese")
    wanted = [one.strip() for one in SENTENCES[language].split("|")]
    text = ("" if spaceless else " ").join(wanted)
    corpus = read_corpus(text, unit)
    whole, offsets = corpus.text(corpus.ids), corpus.offsets()
    begins = [int(offsets[at]) for at in corpus.starts]
    found = [whole[a:b].strip() for a, b in zip(begins, [*begins[1:], None], strict=True)]
    assert found == wanted


@pytest.mark.parametrize(
    ("lines", "joined"),
    [
        ("春天來了，\n花開了。\n小鳥", "春天來了，花開了。小鳥"),
        ("今日は\nいい天気", "今日はいい天気"),
        ("สวัสดี\nครับ", "สวัสดีครับ"),
        ("안녕\n하세요", "안녕 하세요"),
        ("a cat\nsat", "a cat sat"),
        ("我用 Python 写\ncode 吧", "我用 Python 写 code 吧"),
    ],
)
def test_lines_meet_without_a_space_where_the_script_has_none(lines, joined):
    corpus = read_corpus(lines)
    assert corpus.text(corpus.ids) == joined


def test_letters_of_scripts_without_spaces_are_words_with_their_marks():
    assert read_corpus("春天。花").vocabulary == ("春", "天", "。", "花")
    assert read_corpus("ที่นี่").vocabulary == ("ที่", "นี่")
    assert read_corpus("我 love 你").vocabulary == ("我", " love", " 你")


def written(**values):
    settings = ByCounts(n=4000, order=0, **values).resolved()
    return finished(CountsModel().make(Request(settings), 1)).value


def test_several_corpora_count_by_their_weights():
    one, other = Source(value="xx " * 300), Source(value="yy " * 300)
    even = written(corpus=one, also=(other,)).split()
    weighed = written(corpus=one, also=(other,), weights="0.5,1.5").split()
    assert even.count("xx") / len(even) == pytest.approx(0.5, abs=0.04)
    assert weighed.count("xx") / len(weighed) == pytest.approx(0.25, abs=0.04)
    for wrong in ("1", "a,b", "1,0", "1,2,3", "1,1/0"):
        with pytest.raises(InputError, match="weights"):
            ByCounts(corpus=one, also=(other,), weights=wrong)
