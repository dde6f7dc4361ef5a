"""One frame for every page: nothing that is put in is taken for something else."""

import json
import re

from kineograph.pages import Page, embedded


def test_a_page_holds_its_record_and_data_where_scripts_find_them():
    record = {"seed": 7, "settings": {"text": "</script><b> {{title}} \u2028"}}
    page = Page("a <title>", "<main>{{title}}</main>", kind="x", data={"clip": {"fps": 8}})
    text = page.html(record)
    found = dict(re.findall(r'<script type="application/json" id="(\w+)">(.*?)</script>', text))
    assert json.loads(found["kineograph"]) == record
    assert json.loads(found["clip"]) == {"fps": 8}
    assert "<main>a &lt;title&gt;</main>" in text and '<body class="x">' in text


def test_what_is_put_in_is_not_filled_again():
    text = Page("{{scripts}} {{data}}", "<main>{{title}}</main>", scripts=["let a = 1;"]).html()
    assert "<main>{{scripts}} {{data}}</main>" in text
    assert text.count("let a = 1;") == 1


def test_a_page_asks_for_nothing_from_elsewhere():
    text = Page("t", "<main></main>").html()
    assert "default-src 'none'" in text
    assert not re.search(r"(src|href)=", text)


def test_embedded_json_cannot_end_its_element():
    assert "<" not in embedded({"a": "</script>"})
    assert json.loads(embedded({"a": "</script>"})) == {"a": "</script>"}
