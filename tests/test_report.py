"""The report: one page that needs nothing else, and marks what is best."""

from __future__ import annotations

import base64
import csv
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from lxml import html
from PIL import Image
from toys import toy_grid

from deepda import figures
from deepda.base.errors import OutputError
from deepda.reports.about import TWIN, what_was_run
from deepda.reports.report import Picture, Section, write_report
from deepda.reports.table import Table, score_rows
from deepda.settings.compose import load_config

ROWS = {
    "all": {"analysis": 0.05361, "oi": 0.06412, "observations": 0.01},
    "5 m": {"analysis": 0.2, "oi": 0.1, "observations": None},
    "10 m": {"analysis": 0.10001, "oi": 0.10002, "observations": float("nan")},
}


def bars(name: str = "ranks", caption: str = "Flat is right.") -> Picture:
    return Picture(name, figures.rank_bars(np.array([3, 4, 5])), caption)


def table(best: str | None = "smallest") -> Table:
    return Table("rmse", ROWS, "Error, K.", corner="depth", best=best, unranked=("observations",))


def page(tmp_path: Path, *sections: Section) -> html.HtmlElement:
    path = write_report(
        tmp_path / "report.html",
        "A <b>bold</b> & title at 5 m",
        sections,
        about={"grid": "embedded_4deg", "command": "deepda osse run --output <b>"},
        headline="The error is 0.05 K, 16.0 % below the baseline.",
        facts={"Error": "0.05 K"},
    )
    return html.document_fromstring(path.read_text(encoding="utf-8"))


class Balanced(HTMLParser):
    """Refuses tags that do not close in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in ("meta", "img", "source", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_a_number_keeps_its_unit_and_a_date_its_parts_in_one_line(tmp_path: Path) -> None:
    caption = "At 158 m & below, window of 2003-12-16: −1.5 % (0.2 to 3 K). 12 Kelvin <b>, 7 members."
    document = page(tmp_path, Section("Scores", [bars(caption=caption)], text="From 1981-01-03 on."))
    whole = document.xpath("//figcaption/span[@class='whole']/text()")
    assert whole == ["158 m", "2003-12-16", "−1.5 %", "3 K"]
    assert document.xpath("//figcaption")[0].text_content() == caption
    assert document.xpath("//section/p/span/text()") == ["1981-01-03"]
    assert document.xpath("//h1/span/text()") == ["5 m"]
    assert document.xpath("//p[@class='headline']/span/text()") == ["0.05 K", "16.0 %"]
    assert ".whole { white-space: nowrap; }" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_the_page_needs_nothing_from_outside_and_runs_nothing(tmp_path: Path) -> None:
    document = page(tmp_path, Section("Scores", [table(), bars()]))
    links = [value for _, _, value, _ in document.iterlinks()]
    assert links and all(link.startswith(("#", "data:image/png;base64,")) for link in links)
    for source in document.xpath("//source/@srcset"):
        assert source.startswith("data:image/png;base64,")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"<script|https?://|@import|url\(", text)


def test_tags_are_balanced_and_every_entry_of_the_contents_leads_somewhere(tmp_path: Path) -> None:
    sections = [Section("El Niño", []), Section("Scores", [table(), bars()]), Section("El Niño", [])]
    document = page(tmp_path, *sections)
    parser = Balanced()
    parser.feed((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert parser.open == []
    targets = [link.removeprefix("#") for link in document.xpath("//nav//a/@href")]
    assert targets == document.xpath("//section/@id")
    assert len(set(targets)) == 3 and targets[0] == "el-nino"


def test_words_are_escaped(tmp_path: Path) -> None:
    document = page(tmp_path, Section("<i>", [bars(caption='"<script>alert(1)</script>')], text="a < b"))
    assert document.find(".//h1").text_content() == "A <b>bold</b> & title at 5 m"
    assert not document.xpath("//script") and document.findtext(".//section/p") == "a < b"
    assert document.xpath("//img/@alt") == ['"<script>alert(1)</script>']


@pytest.mark.slow
def test_pictures_are_there_for_light_and_for_dark_paper(tmp_path: Path) -> None:
    picture = bars()
    document = page(tmp_path, Section("One", [picture]))
    (light,), (dark,) = document.xpath("//img/@src"), document.xpath("//source/@srcset")
    decode = lambda source: base64.b64decode(source.partition(",")[2])  # noqa: E731
    assert decode(light) == figures.png(picture.figure)
    assert decode(dark) == figures.png(picture.figure, figures.DARK)
    assert "prefers-color-scheme: dark" in document.xpath("//source/@media")[0]
    assert document.xpath("//img/@width") == ["1000"]


def marked(document: html.HtmlElement) -> list[list[str]]:
    """Headings of the marked columns of each row."""
    heads = [cell.text_content() for cell in document.xpath("//thead//th")][1:]
    return [
        [heads[n] for n, cell in enumerate(row.findall("td")) if cell.get("class") == "best"]
        for row in document.xpath("//tbody/tr")
    ]


@pytest.mark.parametrize(
    ("best", "expected"),
    [
        ("smallest", [["analysis"], ["oi"], ["analysis", "oi"]]),
        ("largest", [["oi"], ["analysis"], ["analysis", "oi"]]),
        ("nearest 1", [["oi"], ["analysis"], ["analysis", "oi"]]),
        (None, [[], [], []]),
    ],
)
def test_the_best_of_each_row_is_marked_and_equals_share(
    tmp_path: Path, best: str | None, expected: list[list[str]]
) -> None:
    assert marked(page(tmp_path, Section("S", [table(best)]))) == expected


def test_numbers_have_their_digits_and_missing_ones_a_dash(tmp_path: Path) -> None:
    rows = {
        "r": {"a": 0.05, "b": 123.456, "c": 7, "d": None, "e": float("nan"), "f": 1.5e-7, "g": "yes"}
        | {"h": 999.7, "i": -2181.4, "j": 1.25e6, "k": 1981, "l": 655184, "m": 999.4}
    }
    document = page(tmp_path, Section("S", [Table("t", rows, "c")]))
    assert [cell.text for cell in document.xpath("//td")] == [
        "0.0500", "123", "7", "–", "–", "1.50e-07", "yes",
        "1,000", "−2,181", "1,250,000", "1981", "655,184", "999",
    ]  # fmt: skip


@pytest.mark.parametrize("rows", [40, 41])
def test_a_table_of_many_rows_is_folded(rows: int, tmp_path: Path) -> None:
    table = Table("t", {f"{row}": {"a": 1.0} for row in range(rows)}, "c")
    document = page(tmp_path, Section("S", [table]))
    assert document.xpath("//details/summary/text()") == ([] if rows == 40 else ["41 rows"])
    assert len(document.xpath("//tbody/tr")) == rows


def test_an_unknown_way_of_being_best_is_refused() -> None:
    with pytest.raises(ValueError, match="best='min' found, expected smallest"):
        table("min")


def test_scores_become_rows_by_depth() -> None:
    scores = {
        "rmse": {
            "analysis": {"all": 0.1, "by_depth": [0.2, None]},
            "oi": {"all": 0.3, "by_depth": [1, 2]},
        },
        "depth_m": [5.0, 27.5],
    }
    assert score_rows(scores) == {
        "all depths": {"analysis": 0.1, "optimal interpolation": 0.3},
        "5 m": {"analysis": 0.2, "optimal interpolation": 1},
        "28 m": {"analysis": None, "optimal interpolation": 2},
    }


@pytest.mark.slow
def test_pictures_and_tables_lie_beside_the_page(tmp_path: Path) -> None:
    picture = bars()
    write_report(
        tmp_path / "r.html",
        "R",
        [Section("S", [picture, table()])],
        about={},
        beside=tmp_path / "figures",
    )
    assert (tmp_path / "figures" / "ranks.png").read_bytes() == figures.png(picture.figure)
    with (tmp_path / "figures" / "rmse.csv").open() as file:
        read = list(csv.DictReader(file))
    assert read[0] == {"depth": "all", "analysis": "0.05361", "oi": "0.06412", "observations": "0.01"}
    assert read[1]["observations"] == ""
    assert sorted(file.name for file in tmp_path.rglob("*.*")) == ["r.html", "ranks.png", "rmse.csv"]


def test_two_blocks_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="two blocks of the report are named ranks"):
        write_report(
            tmp_path / "r.html", "R", [Section("S", [bars()]), Section("T", [bars()])], about={}
        )


def test_a_place_that_cannot_be_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OutputError, match=r"cannot write .*r\.html .*--output"):
        write_report(tmp_path / "file" / "r.html", "R", [], about={})


@pytest.mark.slow
def test_the_same_input_gives_the_same_page(tmp_path: Path) -> None:
    pages = [
        write_report(tmp_path / name, "R", [Section("S", [bars(), table()])], about={}).read_bytes()
        for name in ("a.html", "b.html")
    ]
    assert pages[0] == pages[1]


def test_what_was_run_comes_before_the_result_and_both_before_the_pictures(tmp_path: Path) -> None:
    document = page(tmp_path, Section("Scores", [bars()]))
    shown = [value.text_content() for value in document.xpath("//dl[@class='about']//dd")]
    assert shown == ["embedded_4deg", "deepda osse run --output <b>"]
    order = [e.get("class") or e.tag for e in document.iter("dl", "p", "figure")][:3]
    assert order == ["about", "headline", "facts"]


def test_an_option_of_the_command_is_not_broken_at_its_hyphens_and_can_be_copied(tmp_path: Path) -> None:
    command = "deepda evaluate a.nc --reference b.nc --lat -20"
    path = write_report(tmp_path / "r.html", "R", [], about={"command": command})
    shown = html.fromstring(path.read_text()).xpath("//dl[@class='about']//dd")[0]
    assert shown.text_content() == command
    assert shown.xpath("span[@class='whole']/text()") == ["--reference", "--lat"]


def test_negative_numbers_of_sentences_and_boxes_have_minus_signs(tmp_path: Path) -> None:
    said = {"headline": "From -0.5 to -0.25 K (-3 %).", "summary": "In 1997-2000: 1e-5 of it."}
    path = write_report(tmp_path / "r.html", "R", [], about={}, facts={"moved": "-0.25 K"}, **said)
    document = html.fromstring(path.read_text())
    shown = [p.text_content() for p in document.xpath("//header/p")]
    assert shown == ["From −0.5 to −0.25 K (−3 %).", said["summary"]]
    assert document.xpath("//dl[@class='facts']//dd/text()") == ["−0.25 K"]


def maps(number: int, columns: int) -> Picture:
    grid = toy_grid(np.random.default_rng(0))
    panels = [figures.Panel(np.full(grid.shape[1:], float(i)), "anomaly", f"{i}") for i in range(number)]
    return Picture("maps", figures.map_panels(panels, grid, columns=columns), "Maps.", wide=True)


@pytest.mark.slow
@pytest.mark.parametrize(("number", "columns"), [(3, 3), (4, 2), (3, 2)])
def test_maps_side_by_side_are_below_each_other_on_a_narrow_screen(
    tmp_path: Path, number: int, columns: int
) -> None:
    document = page(tmp_path, Section("Maps", [maps(number, columns)]))
    sources = document.xpath("//source[contains(@media, 'max-width')]/@srcset")
    assert len(sources) == 2
    pictures = [
        Image.open(io.BytesIO(base64.b64decode(data.partition(",")[2])))
        for data in (sources[1], document.xpath("//img/@src")[0])
    ]
    narrow, whole = pictures
    assert narrow.width == whole.width // columns
    assert narrow.height == number * (whole.height // -(-number // columns))
    first = whole.convert("RGB").crop((0, 0, narrow.width, whole.height // -(-number // columns)))
    assert np.array_equal(np.asarray(first), np.asarray(narrow.convert("RGB"))[: first.height])


@pytest.mark.slow
def test_a_picture_whose_text_crosses_columns_is_laid_out_anew_for_a_narrow_screen_not_cut(
    tmp_path: Path,
) -> None:
    crossing = maps(2, 2)
    crossing.figure.axes[0].set_title("a title that is longer than its own column " * 2)
    document = page(tmp_path, Section("Pictures", [bars(), crossing]))
    (_, narrow) = map(picture_in, document.xpath("//source[contains(@media, 'max-width')]/@srcset"))
    whole = picture_in(document.xpath("//img/@src")[1])
    assert (narrow.width, narrow.height) == (1000, whole.height)


def picture_in(data: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(data.partition(",")[2])))


@pytest.mark.slow
def test_a_wide_picture_of_one_panel_fills_a_wide_page_and_fits_a_narrow_one(tmp_path: Path) -> None:
    wide = Picture("wide", figures.rank_bars(np.array([3, 4, 5])), "Wide.", wide=True)
    before = figures.png(wide.figure)
    document = page(tmp_path, Section("Pictures", [bars(), wide]))
    images = [picture_in(data) for data in document.xpath("//img/@src")]
    assert [image.width for image in images] == [1000, 2000]
    sources = document.xpath("//source[contains(@media, 'max-width')]/@srcset")
    assert [picture_in(data).width for data in sources] == [1000, 1000]
    assert figures.png(wide.figure) == before


@pytest.mark.slow
def test_letters_have_one_size_in_all_pictures(tmp_path: Path) -> None:
    wide = Picture("wide", figures.rank_bars(np.array([3, 4, 5])), "Wide.", wide=True)
    document = page(tmp_path, Section("Pictures", [bars(), maps(2, 2), wide]))
    shown = [
        int(re.findall(r"max-width: (\d+)px", style)[0]) for style in document.xpath("//img/@style")
    ]
    drawn = [int(width) for width in document.xpath("//img/@width")]
    scale = [pixels / inches for pixels, inches in zip(shown, drawn, strict=True)]
    assert len(set(drawn)) == 3 and max(scale) == pytest.approx(min(scale), rel=0.01)


@pytest.mark.parametrize(
    ("names", "form"),
    [
        (["analysis", "background"], None),
        (["error"] * 7, "many"),
        (["standard deviation, reference", "standard deviation, analysis", "correlation",
          "root mean square difference"], "many"),
        (["rows"] * 11, "many tight"),
    ],
)  # fmt: skip
def test_a_table_that_is_wider_than_a_phone_has_upright_headings_and_then_small_letters(
    names: list[str], form: str | None, tmp_path: Path
) -> None:
    rows = {"Niño 3.4": {f"{name} {'abcdefghijk'[place]}": 0.5 for place, name in enumerate(names)}}
    document = page(tmp_path, Section("Tables", [Table("indices", rows, ".", corner="index")]))
    assert [one.get("class") for one in document.xpath("//table")] == [form]


def test_every_table_lies_in_a_box_that_scrolls_and_words_in_cells_may_break(tmp_path: Path) -> None:
    rows = {"analysis": {"first file": "a_very_long_name_of_a_file.nc", "from": "2001-01-16", "n": 3}}
    document = page(tmp_path, Section("Tables", [table(), Table("files", rows, ".")]))
    assert [one.getparent().get("class") for one in document.xpath("//table")] == ["scroll", "scroll"]
    cells = document.xpath("//table")[1].xpath(".//td")
    assert [cell.get("class") for cell in cells] == ["words", "words", None]


def test_next_to_nothing_beside_the_other_numbers_of_a_column_is_not_written_as_a_power_of_ten(
    tmp_path: Path,
) -> None:
    rows = {"argo": {"share": 50.9, "tiny": 2e-7}, "satellite": {"share": -9.03e-5, "tiny": 1e-7}}
    document = page(tmp_path, Section("Tables", [Table("shares", rows, ".")]))
    cells = [cell.text_content() for cell in document.xpath("//td")]
    assert cells == ["50.9", "2.00e-07", "≈ 0", "1.00e-07"]
    rows = {"profiles": {"mK": 282.0}, "statics": {"mK": -0.0045}, "season": {"mK": 0.039}}
    document = page(tmp_path, Section("Tables", [Table("inputs", rows, ".")]))
    assert [cell.text_content() for cell in document.xpath("//td")] == ["282", "≈ 0", "0.0390"]


def test_what_no_reader_may_overlook_stands_in_a_box_below_the_title(tmp_path: Path) -> None:
    path = write_report(tmp_path / "twin.html", "Impact", [], about={"grid": "g"}, notice=TWIN)
    header = html.document_fromstring(path.read_text(encoding="utf-8")).find(".//header")
    assert [one.tag for one in header][:2] == ["h1", "p"] and header[1].get("class") == "notice"
    assert "Not the real ocean" in header[1].text
    assert not page(tmp_path, Section("S", [])).xpath("//p[@class='notice']")


FEWER = ["training.error_samples=128", "osse.baselines=[oi]"]


@pytest.mark.slow
def test_settings_that_differ_and_a_smoke_test_are_said() -> None:
    plain = what_was_run(load_config("osse"), "2001-2003")
    assert (plain["kind of run"], plain["settings changed"]) == ("full training", "none")
    assert plain["learnt from"] == "built-in synthetic ocean, 60 years"
    smoke = what_was_run(load_config("osse", ["osse=smoke", "seed=3"]), "2001-2002")
    assert smoke["kind of run"].startswith("smoke test")
    assert "seed=3 (1)" in smoke["settings changed"] and "and" in smoke["settings changed"]
    quick = what_was_run(load_config("osse", ["training=quick", "seed=3"]), "2001-2002")
    assert quick["kind of run"].startswith("quick training")
    fewer = what_was_run(load_config("osse", FEWER), "2001")
    assert fewer["kind of run"] == "full training"
    assert fewer["settings changed"] == (
        "training.error_samples=128 (960), osse.baselines=[oi] ([oi, forecast_oi])"
    )
    years = load_config("reanalysis", ["reanalysis.start=1981", "reanalysis.end=1983"])
    assert what_was_run(years, "1981–1983")["settings changed"] == "none"
    short = what_was_run(load_config("osse", ["training.updates=20"]), "2001-2002")
    assert short["kind of run"] == "training of at most 20 updates (full: 160)"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", short["date"])
    real = ["observations=ingested", "observations.folder=mine"]
    assert (
        what_was_run(load_config("reanalysis", real), "1981")["observations"] == "real, ingested in mine"
    )
