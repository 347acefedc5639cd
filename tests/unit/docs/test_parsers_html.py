"""HTML: formulas, code, tables and lists as teachers' pages hold them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from services.docs.adapters.parsers.worker import parse
from services.docs.domain.upload.media_types import HTML
from services.docs.values.parsed_document import BlockKind, ParsedDocument, ParseError, ParseReason

Reader = Callable[[str], ParsedDocument]


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    def parsed(body: str) -> ParsedDocument:
        path = tmp_path / "file"
        path.write_text(f"<!DOCTYPE html><html><body>{body}</body></html>", encoding="utf-8")
        return parse(path, HTML)

    return parsed


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<p>Energy <script type='math/tex'>E=mc^2</script> is mass.</p>", "Energy $E=mc^2$ is mass."),
        (
            "<p>So<script type='math/tex; mode=display'>\\int_0^1 x\n dx</script>holds.</p>",
            "So\n\n$$\\int_0^1 x dx$$\n\nholds.",
        ),
        (
            (
                "<p>Root <span class=MathJax_Preview>[x]</span><span class=MathJax>2</span>"
                "<script type='math/tex'>\\sqrt 2</script><script>x()</script>.</p>"
            ),
            "Root $\\sqrt 2$.",
        ),
        (
            (
                "<p>Half <span class=katex><span class=katex-mathml><math><semantics><mn>0.5</mn>"
                "<annotation encoding='application/x-tex'>\\frac{1}{2}</annotation></semantics></math></span>"
                "<span class=katex-html aria-hidden=true>12</span></span> left.</p>"
            ),
            "Half $\\frac{1}{2}$ left.",
        ),
        (
            (
                "<p><math display=block><semantics><mi>x</mi><annotation encoding='application/x-tex'>"
                "{\\displaystyle x}</annotation></semantics></math></p>"
            ),
            "$$x$$",
        ),
        ("<p>Area <math alttext='a \\cdot b'><mi>a</mi><mi>b</mi></math>.</p>", "Area a \\cdot b."),
        (
            "<p>Sum <math><mfrac><mrow><mi>a</mi><mo>+</mo><mi>b</mi></mrow><mn>2</mn></mfrac></math>.</p>",
            "Sum (a+b)/2.",
        ),
        ("<p>" + "<math>" + "<mrow>" * 500 + "<mi>deep</mi>" + "</mrow>" * 500 + "</math></p>", "deep"),
    ],
)
def test_formulas(source: str, text: str, read: Reader) -> None:
    assert read(source).text == text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<pre>a = 1<br/>b = 2<br>\nc</pre>", "a = 1\nb = 2\n\nc"),
        ("<pre><code><span>for</span> i <span>in</span> x:<br>    <b>p</b>(i)</code></pre>", "for i in x:\n    p(i)"),
        ("<pre><div>one</div><div>  two <i>x</i></div></pre>", "one\n  two x"),
        ("<pre><button>Copy</button>x\n\ty</pre>", "x\n    y"),
    ],
)
def test_code_keeps_its_lines(source: str, text: str, read: Reader) -> None:
    parsed = read(source)
    assert parsed.text == text
    assert parsed.blocks[0].kind is BlockKind.CODE


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        (
            (
                "<tr><th>Day<th>Hour<th>Room<tr><td rowspan=3>Mon<td>8<td>A<tr><td>9<td>B<tr><td>10<td>C"
                "<tr><td>Tue<td>8<td>D"
            ),
            "Day | Hour | Room\nMon | 8 | A\n | 9 | B\n | 10 | C\nTue | 8 | D",
        ),
        ("<tr><th>a<th>b<th>c<tr><td colspan=2>1<td>3", "a | b | c\n1 |  | 3"),
        (
            "<tr><td>a<td rowspan=2 colspan=2>b<td>c<tr><td>d<td>e<tr><td>f<td>g<td>h<td>i",
            "a | b |  | c\nd |  |  | e\nf | g | h | i",
        ),
        (
            "<tr><td rowspan=1000000>a<td>b<tr><td colspan=1000000>c<tr><td rowspan=0>d<tr><td>e",
            f"a | b\n | c{' | ' * 61}".rstrip() + "\n | d\n |  | e",
        ),
        ("<tr><td rowspan=x>a<td colspan=-1>b<tr><td>c<td>d", "a | b\nc | d"),
    ],
)
def test_cells_over_several_rows_or_columns_keep_the_grid(rows: str, text: str, read: Reader) -> None:
    assert read(f"<table>{rows}</table>").text == text


def test_each_part_of_a_long_table_has_its_header(read: Reader) -> None:
    rows = "".join(f"<tr><td>{number}<td>The element of number {number}" for number in range(100))
    header = "<thead><tr><td colspan=2>Elements<tr><td>Z<td>What</thead>"
    parsed = read(f"<table>{header}<tbody>{rows}</table>")
    assert len(parsed.blocks) > 2
    assert all(parsed.text[part.start :].startswith("Elements |\nZ | What\n") for part in parsed.blocks)


def test_ruby_lists_of_terms_and_details(read: Reader) -> None:
    parsed = read(
        "<p><ruby>春<rp>(</rp><rt>chūn</rt><rp>)</rp></ruby>\n<ruby>天<rt>tiān</rt></ruby>来了。</p>"
        "<dl><dt>Osmosis<dd>Water moves through a membrane.<dt>Diffusion<dd><p>Particles spread.</p></dl>"
        "<details><summary>Solution</summary><p>42 apples</p></details>"
    )
    blocks = [(block.kind, block.level, parsed.text[block.start : block.end]) for block in parsed.blocks]
    assert blocks == [
        (BlockKind.PARAGRAPH, 0, "春天来了。"),
        (BlockKind.LIST_ITEM, 1, "Osmosis"),
        (BlockKind.LIST_ITEM, 2, "Water moves through a membrane."),
        (BlockKind.LIST_ITEM, 1, "Diffusion"),
        (BlockKind.LIST_ITEM, 2, "Particles spread."),
        (BlockKind.PARAGRAPH, 0, "Solution"),
        (BlockKind.PARAGRAPH, 0, "42 apples"),
    ]


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<ol start=5><li>a<li>b</ol>", "5. a\n6. b"),
        ("<ol start=-1><li>a<li>b<li>c</ol>", "-1. a\n0. b\n1. c"),
        ("<ol type=A><li>oxygen<li>neon</ol>", "A. oxygen\nB. neon"),
        ("<ol type=i start=4><li>a<li>b</ol>", "iv. a\nv. b"),
        ("<ol type=I><li value=9>a<li>b<li type=a>c</ol>", "IX. a\nX. b\nk. c"),
        ("<ol reversed><li>a<li>b<li>c</ol>", "3. a\n2. b\n1. c"),
        ("<ol reversed start=10><li>a<li value=5>b<li>c</ol>", "10. a\n5. b\n4. c"),
        ("<ol type=a start=26><li>x<li>y<li>z</ol>", "z. x\naa. y\nab. z"),
        ("<ol type=A start=702><li>x<li>y</ol>", "ZZ. x\nAAA. y"),
        ("<ol type=I start=3999><li>x<li>y</ol>", "MMMCMXCIX. x\n4000. y"),
        ("<ol start=99999999999><li>x<li value=2147483647>y</ol>", "1. x\n2147483647. y"),
        (f"<ol start={'9' * 5000}><li>x</ol>", "1. x"),
        ("<ol><div><li>x<ol><li>n</ol></div><div><li>y</div></ol>", "1. x\n1. n\n2. y"),
        ("<ol><li hidden>h<li>x<li style='display:none'>h<li>y</ol>", "1. x\n2. y"),
        ("<ol style='margin: 0; list-style: upper-roman inside'><li>a<li>b</ol>", "I. a\nII. b"),
        ("<ol style='list-style-type:cjk-ideographic'><li>甲<li>乙</ol>", "一、甲\n二、乙"),
        ("<ol style='list-style-type:lower-greek'><li>a<li>b</ol>", "α. a\nβ. b"),
        ("<ol style='list-style-type:lower-greek' start=25><li>a<li>b</ol>", "αα. a\nαβ. b"),
        ("<ol style='list-style:katakana'><li>甲<li>乙</ol>", "ア、甲\nイ、乙"),
        ("<ol style='list-style:simp-chinese-formal'><li>甲<li>乙</ol>", "壹、甲\n贰、乙"),
        ("<ol style='list-style-type:none'><li>1) a<li>2) b</ol>", "1) a\n2) b"),
        ("<ol type=A start=0><li>a<li>b</ol>", "0. a\nA. b"),
        ("<ol start=x type=q><li value=''>a<li value='7 apples'>b</ol>", "1. a\n7. b"),
        ("<ol><li>a<ol type=a><li>b<ul><li>c</ul><li>d</ol><li>e</ol>", "1. a\na. b\nc\nb. d\n2. e"),
        ("<ol><li><p>a</p><p>more</p><li>b</ol>", "1. a\nmore\n2. b"),
    ],
)
def test_items_have_the_numbers_that_a_browser_shows(source: str, text: str, read: Reader) -> None:
    parsed = read(source)
    assert parsed.text == text
    assert {block.kind for block in parsed.blocks} == {BlockKind.LIST_ITEM}


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<p>The leaf <img src=l.png alt='A leaf, cut open'> breathes.</p>", "The leaf A leaf, cut open breathes."),
        ("<figure><img alt='心脏的结构'><figcaption>图1</figcaption></figure>", "心脏的结构\n\n图1"),
        ("<table><tr><td>Fig<td><img alt='two cells'><tr><td>x<td>y</table>", "Fig | two cells\nx | y"),
        ("<h2>Cells<img alt=' '></h2>", "Cells"),
        ("<p>a<img alt='Our school logo'><img alt='icon'><img alt='a star' width=16 height=16>b</p>", "ab"),
        ("<p>a<a href=home.html><span><img alt='To our shop'></span></a>b</p>", "ab"),
        ("<p><a href='big/cell.PNG'><img alt='An onion cell'></a></p>", "An onion cell"),
        (
            "<p>a<img alt='IMG_2031.JPG'><img alt='image 3'><img alt='图片1'><img alt=spacer role=presentation>b</p>",
            "ab",
        ),
        ("<p>a <img alt='a knob' hidden><img aria-hidden=true alt='x'>b</p>", "a b"),
        ("<p>Area <img class=latex alt='\\pi r^2'>.</p>", "Area $\\pi r^2$."),
        ("<p>So <img eeimg=1 src='https://x/equation?tex=x' alt='x^2'>.</p>", "So $x^2$."),
        ("<p>So <img src='//latex.codecogs.com/svg?a' alt='$a_1$'>.</p>", "So $a_1$."),
        (
            (
                "<p>Wave <span class=mwe-math style='display: none'><math><semantics><mi>c</mi>"
                "<annotation encoding='application/x-tex'>{\\displaystyle c}</annotation></semantics></math></span>"
                "<img class=mwe-math-fallback-image aria-hidden=true alt='{c}'>.</p>"
            ),
            "Wave $c$.",
        ),
        ("<math><semantics><mi>c</mi><annotation encoding=LaTeX>c_0</annotation></semantics></math>", "$c_0$"),
        ("<math><semantics><mi>c</mi><annotation encoding='text/plain'>sea</annotation></semantics></math>", "c"),
    ],
)
def test_pictures_are_read_by_their_descriptions(source: str, text: str, read: Reader) -> None:
    assert read(source).text == text


@pytest.mark.parametrize(
    "hidden",
    [
        "<div hidden>KEY</div>", "<span aria-hidden='true'>KEY</span>", "<p style='color:red; display : none'>KEY</p>",
        "<template><p>KEY</p></template>", "<noscript>KEY</noscript>",
        "<table><tr><td>a<td>b<span hidden>KEY</span></table>",
        "<ruby>字<rp>KEY</rp><rt>KEY</rt></ruby>", "<h2>Head<i hidden>KEY</i></h2>", "<img hidden alt=KEY>",
    ],
)  # fmt: skip
def test_what_a_browser_does_not_show_is_not_read(hidden: str, read: Reader) -> None:
    parsed = read(f"<p>Water boils at 100 degrees.</p>{hidden}")
    assert "KEY" not in parsed.text
    assert parsed.text.startswith("Water boils")


def test_a_body_that_says_it_is_hidden_is_read(read: Reader) -> None:
    assert read("</body><body hidden style='display:none'><p>Water boils.</p>").text == "Water boils."


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<p>沸点是<u>&nbsp;&nbsp;&nbsp;</u>℃。</p>", "沸点是____℃。"),
        ("<p>It is <u>     </u>, <u>not</u> hot.</p>", "It is ____, not hot."),
        ("<table><tr><td>a<td>is <u>　　</u><tr><td>c<td>d</table>", "a | is ____\nc | d"),
        ("<p>a<u> </u>b</p>", "a b"),
        ("<p>沸点是<u><span lang=EN-US><b>&nbsp;&nbsp; </b></span></u>℃。</p>", "沸点是____℃。"),
        ("<p>It is <span style='text-decoration: underline'>&nbsp;&nbsp;</span>.</p>", "It is ____."),
        ("<p>It is <b style='Border-Bottom:1px solid'>&nbsp;&nbsp;</b>.</p>", "It is ____."),
        ("<p>It is <span style='border-bottom:1px solid;width:5em'></span>.</p>", "It is ____."),
        ("<p>It is <span style='border-bottom:0;width:5em'>&nbsp;&nbsp;</span>.</p>", "It is ."),
        ("<p>It is <span style='border-bottom:1px solid;width:5em'>hot</span>.</p>", "It is hot."),
        ("<p>It is <span style='text-decoration-line:underline'>\n    </span>hot.</p>", "It is hot."),
        ("<p>It is<u>\n      </u>hot.</p>", "It is hot."),
        ("<p>It is <u>&nbsp;<i>hot</i>&nbsp;</u>.</p>", "It is hot ."),
    ],
)
def test_underlined_space_is_a_gap(source: str, text: str, read: Reader) -> None:
    assert read(source).text == text


@pytest.mark.parametrize(
    "source",
    [
        "<p>" + "<u>" * 240 + "&nbsp;<i> </i>" * 100_000 + "Rust",
        "<p>" + "<span style='border-bottom:1px solid'>" * 240 + "&nbsp;<i> </i>" * 50_000 + "<br>Rust",
        f"<figure>{'<img alt=red>' * 20_000}<figcaption>{'Rust is red. ' * 1000}</figcaption></figure>",
        "<ol>" + "<div>" * 200 + "<li>Rust" * 20_000,
    ],
    ids=["underlined", "styled", "pictures", "items"],
)
def test_a_page_of_one_thing_many_times_takes_little_time(source: str, read: Reader) -> None:
    started = time.process_time()
    assert "Rust" in read(source).text
    assert time.process_time() - started < 15


def test_a_description_that_is_the_caption_is_read_once(read: Reader) -> None:
    figure = "<figure><a href=a.png><img src=a.png alt='{}'></a><figcaption>Layers of a rock</figcaption></figure>"
    assert read(figure.format("Layers of\n a rock")).text == "Layers of a rock"
    assert read(figure.format("Sand above clay")).text == "Sand above clay\n\nLayers of a rock"


@pytest.mark.parametrize(
    "section",
    [
        "<div class=section id=sharing-rocks-with-others><h2>Sharing rocks with others</h2>{}</div>",
        "<div class='section' id='comments'><h2>Comments</h2>{}</div>",
        "<section id=how-rocks-are-related><h2>How rocks are related</h2>{}</section>",
        "<section id='the_menu_of_a_geologist'><h3>The menu of a geologist, and more</h3>{}</section>",
    ],
)
def test_an_id_made_of_a_heading_tells_nothing_of_its_section(section: str, read: Reader) -> None:
    text = "<p>Basalt is formed where lava cools fast.</p>"
    assert "Basalt" in read(LESSON + section.format(text)).text
    assert "Basalt" not in read(f"{LESSON}<div id=comments><h2>Comments</h2>{text}</div>").text
    assert "Basalt" not in read(f"{LESSON}<div id=related-posts><h2>Related posts</h2>{text}</div>").text


@pytest.mark.parametrize(
    "held",
    ["<script>x = '{}';</script>", "<!-- {} -->", "<style>/* {} */</style>", "<textarea>{}</textarea>", "<!-- {} --!>"],
)
def test_tags_in_programs_and_comments_are_none(held: str, read: Reader) -> None:
    tags = "<div><item>" * 3000
    assert read(f"<p>Water boils.</p>{held.format(tags)}<p>Ice melts.</p>").text == "Water boils.\n\nIce melts."
    assert read("<p>Water boils.</p>" + "<ul><li><a href=x /></ul>" * 3000).text == "Water boils."
    with pytest.raises(ParseError) as caught:
        read(f"<p>Water boils.</p>{held.format(tags)}{tags}")
    assert caught.value.reason is ParseReason.TOO_COMPLEX


@pytest.mark.parametrize("name", ["foot", "page-foot", "siteFooter", "globalfooter", "foot_wrap", "foot copyright"])
def test_a_foot_is_no_content_but_notes_are(name: str, read: Reader) -> None:
    foot = f"<div class='{name}'>School of rocks, ICP 123</div>"
    assert read(LESSON + foot).text == LESSON_TEXT
    assert read(f"{LESSON}<div class='{name} {name}'>{LESSON}</div>").text.count("Granite") == 2
    assert "Note" in read(f"{LESSON}<div class='foot-notes'>Note</div><p class=footnote>Note</p>").text


LESSON = "<h2>Rocks</h2><p>Granite is formed where magma cools slowly deep below the ground, over many years.</p>"
LESSON_TEXT = "Rocks\n\nGranite is formed where magma cools slowly deep below the ground, over many years."


@pytest.mark.parametrize(
    "around",
    [
        "{}<article><h4>More</h4><p>Win a bicycle.</p></article>",
        "<div class=latest><article><a href=x><h3>Fees</h3></a><p>Pay soon.</p></article></div><div>{}</div>",
        "<main>{}<article><p>Our next excursion</p></article></main>",
    ],
)
def test_a_teaser_is_not_the_content(around: str, read: Reader) -> None:
    assert LESSON_TEXT in read(around.format(LESSON)).text


@pytest.mark.parametrize(
    "around",
    [
        "<div>Member of a group</div><article>{}</article>",
        "<div>News</div><div role=main>{}</div><p>Printed on paper</p>",
        "<main><p>Menu</p><article>{}</article></main><article>Next</article>",
        "{}<ul><li><a>Home</a><li><a>Forum</a><li><a>Contact us</a></ul>",
        "<div class='left-sidebar'><p>Born in Ulm</p></div>{}<div id=comments><p>I like rocks</p></div>",
        "<header><p>City school</p></header>{}<footer>2024</footer><aside>Buy rocks</aside>",
        "{}<div class='cookie-consent'>We use cookies.</div><div role=complementary>Weather</div>",
        "<div class='page with-sidebar'><div class=share-buttons>Tweet</div>{}</div>",
    ],
)
def test_what_is_around_the_content_is_passed_over(around: str, read: Reader) -> None:
    assert read(around.format(LESSON)).text == LESSON_TEXT


@pytest.mark.parametrize(
    "page",
    [
        "<div class=title><h1>About rocks</h1></div><article>{}</article>",
        "<header><a>Home</a><h1>About rocks</h1></header><div role=main>{}</div><footer><h1>Imprint</h1></footer>",
        "<nav><h1>Menu</h1></nav><h1>About rocks</h1><main><article>{}</article></main>",
        "<h1>School</h1><main><h1>About rocks</h1>{}</main>",
    ],
)
def test_the_heading_before_the_content_is_kept(page: str, read: Reader) -> None:
    parsed = read(page.format(LESSON))
    assert parsed.text == f"About rocks\n\n{LESSON_TEXT}"
    assert parsed.blocks[0].kind is BlockKind.HEADING


@pytest.mark.parametrize(
    "source",
    [
        "<ol><li>See <a>Granite</a> in the book of stones.<li>Then <a>Basalt</a>.<li>And <a>Chalk</a>.</ol>",
        "<div class=footnotes><p>1. So says the museum.</p></div>",
        "<p>Read <a>the first lesson</a> and <a>the second</a> before you go on with <a>the third</a>.</p>",
        "<h3><a>Basalt</a></h3>",
    ],
)
def test_links_in_sentences_and_notes_are_content(source: str, read: Reader) -> None:
    parsed = read(LESSON + source)
    assert len(parsed.text) > len(LESSON_TEXT)


@pytest.mark.parametrize(
    "body", ["<div class=menu><p>Rocks</p></div>", "<ul><li><a>One</a><li><a>Two</a><li><a>Three</a></ul>"]
)
def test_a_page_of_nothing_else_is_read(body: str, read: Reader) -> None:
    assert read(body).text


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("<msup><mfrac><mi>a</mi><mi>b</mi></mfrac><mi>n</mi></msup>", "(a/b)^n"),
        ("<msubsup><msqrt><mi>x</mi></msqrt><mn>1</mn><mn>2</mn></msubsup>", "(√x)_1^2"),
        ("<msup><mi>x</mi><mfrac><mn>1</mn><mn>2</mn></mfrac></msup>", "x^(1/2)"),
    ],
)
def test_a_fraction_or_root_under_an_exponent_is_in_brackets(formula: str, expected: str, read: Reader) -> None:
    assert read(f"<p>So <math>{formula}</math> holds.</p>").text == f"So {expected} holds."


@pytest.mark.parametrize("said", ['epub:type="footnote"', 'epub:type="rearnote"', 'role="doc-footnote"'])
def test_a_note_in_an_aside_is_read(said: str, read: Reader) -> None:
    text = "<p>Iron rusts in wet air, which takes oxygen and water together.</p>" * 4
    assert "See chapter two." in read(f"<h1>Rust</h1>{text}<aside {said}><p>See chapter two.</p></aside>").text
    assert "See chapter two." not in read(f"<h1>Rust</h1>{text}<aside><p>See chapter two.</p></aside>").text


@pytest.mark.parametrize(
    "heading",
    [
        '<h2 id=l>Loops<a class="headerlink" href="#l" title="Link">¶</a></h2>',
        '<h2 id=l><a href="#l" aria-label="anchor">#</a> Loops</h2>',
        '<h2 id=l>Loops <a class=anchor href="#l"><span>🔗</span></a></h2>',
        '<h2 id=l>Loops <a href="#l">§</a></h2>',
    ],
)
def test_the_link_to_a_heading_is_no_part_of_it(heading: str, read: Reader) -> None:
    parsed = read(f"<main>{heading}<p>A loop repeats. See <a href='#l'>§</a> 5.</p></main>")
    assert parsed.text == "Loops\n\nA loop repeats. See § 5."


@pytest.mark.parametrize(
    ("table", "text"),
    [
        (
            "<tr><th>Organ<th>Tasks<tr><td>Leaf<td><ul><li>breathes<li>makes sugar</ul><tr><td>Root<td>drinks",
            "Organ | Tasks\nLeaf | breathes; makes sugar\nRoot | drinks",
        ),
        (
            "<caption>器官</caption><tr><td>叶<td><ol><li>呼吸</li><li>制糖</li></ol><tr><td>根<td>吸水",
            "器官\n\n叶 | 1. 呼吸 2. 制糖\n根 | 吸水",
        ),
        (
            "<tr><td>叶<td>作用：<ul><li>呼吸<li>制糖</ul><tr><td>根<td><ul><li>吸水。<li>固定</ul>",
            "叶 | 作用： 呼吸；制糖\n根 | 吸水。 固定",
        ),
        (
            "<tr><td>Step<td>Do<tr><td>1<td><ol type=a><li>heat<li>stir</ol><tr><td>2<td><ol reversed><li>x<li>y</ol>",
            "Step | Do\n1 | a. heat b. stir\n2 | 2. x 1. y",
        ),
    ],
)
def test_a_cell_of_a_table_of_data_may_hold_a_list(table: str, text: str, read: Reader) -> None:
    assert read(f"<table>{table}</table>").text == text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<p>The capital of Peru is <input type=text>.</p>", "The capital of Peru is ____."),
        ("<li>水的化学式是<input name=a1>。</li>", "水的化学式是 ____。"),
        (
            "<p>Ice <select><option>…</option><option>floats</option><option>sinks</option></select> on water.</p>",
            "Ice ____ (floats / sinks) on water.",
        ),
        # Fields of forms, which ask the reader for other things.
        ("<p>Ice floats.</p><form><label>Name <input></label></form>", "Ice floats.\n\nName"),
        ("<p>Ice floats.</p><div>Find <input placeholder=Search></div>", "Ice floats.\n\nFind"),
        ("<p>Ice floats. <input type=submit value=Check><input type=hidden value=1></p>", "Ice floats."),
    ],
)
def test_a_field_within_a_sentence_is_a_gap(read: Reader, source: str, text: str) -> None:
    assert read(source).text == text


def test_a_mark_that_leads_to_a_note_is_no_part_of_the_sentence(read: Reader) -> None:
    source = (
        "<p>Ice floats<a epub:type='noteref' href='#n'>1</a> on water<a role=doc-noteref href='#m'>2</a>, as "
        "<a href='#x'>wood</a> does.</p>"
    )
    assert read(source).text == "Ice floats on water, as wood does."


def test_a_drawings_title_is_not_the_documents(read: Reader) -> None:
    assert read("<p>Ice <svg><title>A chart</title></svg> floats.</p>").title != "A chart"


def test_what_is_invisible_is_passed_over(read: Reader) -> None:
    source = "<p style='visibility: hidden'>The key is B.</p><p style='overflow:hidden'>Ice floats.</p>"
    assert read(source).text == "Ice floats."


def test_the_end_of_an_ordinal_is_no_exponent(read: Reader) -> None:
    assert read("<p>On the 1<sup>st</sup> of May, x<sup>n</sup> grew.</p>").text == "On the 1st of May, xⁿ grew."


def test_an_empty_element_of_xhtml_ends_where_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text(
        '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml">'
        '<head><title>Ice</title><script src="a"/></head>'
        '<body><p>Ice <a id="n1"/>floats.</p><p>Iron sinks.</p></body></html>',
        encoding="utf-8",
    )
    assert parse(path, HTML).text == "Ice floats.\n\nIron sinks."


_NOTED = "Iron rusts in wet air.\n\nIt takes oxygen.\n\nIt does not in oil."


@pytest.mark.parametrize(
    ("mark", "note"),
    [
        ("<a epub:type=noteref href='#n'>1</a>", "<aside epub:type=footnote id=n><p>It takes oxygen.</p></aside>"),
        (
            "<sup><a href='c.xhtml#n' id=b>[1]</a></sup>",
            "<aside epub:type=rearnote id=n hidden><p><a href='#b'>1.</a> It takes oxygen.</p></aside>",
        ),
        (
            "<sup id='fnref:1'><a href='#fn:1' role=doc-noteref>1</a></sup>",
            "<div role=doc-endnotes><ol><li id='fn:1'>It takes oxygen. <a href='#fnref:1'>↩</a></ol></div>",
        ),
        (
            "<a id=b href='#n'>*</a>",
            "<section epub:type=endnotes><ol><li><p id=n>It takes oxygen. <a href='#b'>↑</a></p></li></ol></section>",
        ),
        ("<a href='#n'>注1</a>", "<footer><ol class=footnotes><li id=n>1. It takes oxygen.</li></ol></footer>"),
    ],
    ids=["popup", "hidden", "kramdown", "endnotes", "footer"],
)
def test_a_note_stands_behind_the_text_that_refers_to_it(mark: str, note: str, read: Reader) -> None:
    parsed = read(f"<p>Iron rusts in wet air{mark}.</p><p>It does not in oil.</p>{note}")
    assert parsed.text == _NOTED
    assert [block.kind for block in parsed.blocks] == [BlockKind.PARAGRAPH, BlockKind.NOTE, BlockKind.PARAGRAPH]


def test_notes_of_headings_tables_and_items_and_one_to_which_nothing_refers(read: Reader) -> None:
    mark, note = "<a href='#{0}'>1</a>", "<li id={0}>note {0}"
    parsed = read(
        f"<h1>Rust{mark.format('h')}</h1><ul><li>wet<sup>{mark.format('i')}</sup><li>dry</ul>"
        f"<table><tr><td>a{mark.format('t')}<td>b<tr><td>c<td>d</table><p>See <a href='#x'>there</a>.</p>"
        f"<ol class=footnotes>{''.join(map(note.format, 'hitx'))}</ol>"
    )
    assert parsed.text.replace("\n\n", "\n").split("\n") == (
        ["Rust", "note h", "wet", "note i", "dry", "a | b", "c | d", "note t", "See there.", "note x"]
    )


def test_the_foot_of_a_quote_and_the_items_of_a_menu_are_read(read: Reader) -> None:
    quote = "<blockquote><p>Iron rusts.</p><footer>— <cite>Handbook</cite>, 3</footer></blockquote>"
    assert read(f"{quote}<footer>All rights reserved</footer>").text == "Iron rusts.\n\n— Handbook, 3"
    rules = "<p>Before you heat anything, read the rules of this room.</p><menu><li>Wear goggles<li>Tie hair</menu>"
    assert read(rules).text.endswith("room.\n\nWear goggles\nTie hair")
    links = "<menu><li><a href=a>Home</a><li><a href=b>News</a><li><a href=c>About</a></menu>"
    assert "News" not in read(f"<p>{'Iron rusts in wet air. ' * 20}</p>{links}").text
