"""A page that says something else than what Zype did voids a benchmark, and its table has every target."""

from tests.benchmarks.figures import BARE, PORTAL, Figures, Measured, Setting, measured
from tests.benchmarks.http_connection import Answer, parse
from tests.benchmarks.load import Plan, Run
from tests.benchmarks.reconciliation import Call, Sent, disagreements
from tests.benchmarks.report import END, START, replaced, sections, targets_table
from tests.benchmarks.result_pages import hidden_fields, shown
from tests.benchmarks.targets import TARGETS
from tests.docs.pages import read
from tests.harness.cases import each

ALICE, MALLORY = "a" * 24, "b" * 24


def sent(*pages: str) -> list[Sent]:
    """Return what Alice was shown for one PIN, which she sent as often."""
    return [Sent(ALICE, "g1", page) for page in pages]


def calls(*statuses: int | None, consumer_id: str = ALICE, seconds: float = 1) -> list[Call]:
    """Return calls for that PIN, one each second, which took so long."""
    return [Call(consumer_id, "g1", status, began, began + seconds) for began, status in enumerate(statuses)]


AGREEING = [
    (sent("linked"), calls(200)),
    (sent("not_found"), calls(404)),
    (sent("unavailable"), calls()),
    (sent("unknown"), calls(None)),
    (sent("unknown"), calls(200)),
    (sent("no_answer"), calls(200)),
    (sent("no_answer"), calls()),
    (sent("linked", "linked"), calls(200)),
    (sent("linked", "linked"), calls(200, 404)),
    (sent("unavailable", "linked"), calls(200)),
    (sent("unknown", "linked"), calls(None, 200)),
]
DISAGREEING = [
    (sent("linked"), calls()),
    (sent("linked"), calls(404)),
    (sent("linked"), calls(200, 200)),
    (sent("linked"), calls(200, consumer_id=MALLORY)),
    (sent("not_found"), calls(200)),
    (sent("not_found"), calls()),
    (sent("not_found"), calls(404, 404)),
    (sent("unavailable"), calls(200)),
    (sent("unavailable"), calls(None)),
    (sent("unknown"), calls()),
    (sent("linked", "linked"), calls(200, 404, seconds=1.5)),
    (sent("unknown", "unavailable"), calls(None, None)),
    (sent("unknown", "unknown"), [Call(ALICE, "g1", None, 0, None), Call(ALICE, "g1", None, 9, 10)]),
    (sent("stale"), calls()),
    ([], calls(200)),
]


@each("pages, arrived", AGREEING)
def test_pages_that_agree_with_zype_are_no_fault(pages: list[Sent], arrived: list[Call]) -> None:
    assert disagreements(pages, arrived) == []


@each("pages, arrived", DISAGREEING)
def test_each_disagreement_is_found(pages: list[Sent], arrived: list[Call]) -> None:
    assert disagreements(pages, arrived)


def test_a_page_that_should_not_have_come_is_a_fault_of_the_run() -> None:
    run = Run(Plan(port=0, stand_in_port=0, case="entry"))
    run.result.add("entry", 0.1)
    run.expect("entry", {"entry"})
    run.compare()
    assert run.result.faults == []
    run.expect("sign_in", {"entry"})
    run.compare()
    assert run.result.faults == ["1 times the page sign_in"]


def test_a_run_without_an_answer_is_void() -> None:
    run = Run(Plan(port=0, stand_in_port=0, case="entry"))
    run.result.add("unavailable", 0.1)
    run.compare()
    assert run.result.faults == ["nobody was answered in the seconds that were measured"]


def test_an_answer_that_turns_a_visitor_away_is_told_and_counts_for_no_rate() -> None:
    times = {"as_due": [0.1, 0.1, 0.1], "unavailable": [0.002]}
    found = measured({"times": times, "cpu": {"server": 0.006, "others": 0.0}, "seconds": 1.0})
    assert (found.rate, found.turned_away, round(found.p50)) == (3.0, 0.25, 100)


PAGES = [
    (303, b"/activate/done", b"", "linked"),
    (303, b"/sign-in", b"", "to /sign-in"),
    (422, b"", b'<h2>PIN not found</h2><input name="pin">', "not_found"),
    (503, b"", b'<h2>We can&#39;t link your TV right now</h2><input name="pin">', "unavailable"),
    (503, b"", b'<h2>We did not hear back</h2><input name="pin">', "unknown"),
    (200, b"", b'<input id="pin" name="pin">', "entry"),
    (500, b"", b"", "status 500"),
]


@each("status, location, body, page", PAGES)
def test_pages_are_told_apart_by_what_they_show(status: int, location: bytes, body: bytes, page: str) -> None:
    assert shown(Answer(status, [(b"location", location)], body)) == page


def test_an_answer_is_whole_only_with_all_of_its_body() -> None:
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"
    for received in (whole, chunked):
        answer = parse(received)
        assert answer
        assert answer.body == b"hello"
        assert [parse(received[:length]) for length in range(len(received))] == [None] * len(received)


def test_hidden_fields_are_those_of_the_form_that_is_sent() -> None:
    field = b'<input type="hidden" id="x"\n name="csrf_token" value="a&amp;b">'
    page = b'<form action="/language"></form><form class="form" action="/activate">' + field + b"</form>"
    assert hidden_fields(page, "/activate") == {"csrf_token": "a&b"}
    assert hidden_fields(page, "/elsewhere") == {}


def run(rate: float) -> Measured:
    return Measured(rate=rate, p50=1, p99=2, cpu=100, database_cpu=0, load=0.1, others=0)


def test_a_target_is_met_or_missed_by_the_median_of_the_pairs() -> None:
    figures = Figures()
    figures.runs[Setting("entry"), BARE] = [run(100), run(100), run(100)]
    figures.runs[Setting("entry"), PORTAL] = [run(20), run(69), run(90)]
    assert "at least 0.70 | 0.69 (0.20 to 0.90) | **missed**" in targets_table(figures, TARGETS[:1])
    figures.runs[Setting("entry"), PORTAL] = [run(20), run(70), run(90)]
    assert "0.70 (0.20 to 0.90) | met" in targets_table(figures, TARGETS[:1])
    assert "not measured" in targets_table(figures, TARGETS[1:2])


def test_the_table_has_every_target() -> None:
    # The rates, the latencies, Zype hanging, start and size, the page, and truth.
    wanted = {
        ("rate, of the bare", 0.70), ("rate, of the durable", 0.80), ("p99, of the durable", 1.5), ("one user", 2.5),
        ("50 ms, p50", 5), ("50 ms, p99", 20), ("hangs, p99", 1.5), ("failed meanwhile", 0), ("busy", 10),
        ("longest POST", 8.5), ("cold start", 1.0), ("memory of a worker", 60), ("bytes of the page", 14_000),
        ("first contentful paint", 450), ("layout shift", 0), ("PINs sent", 10_000), ("disagree", 0),
    }  # fmt: skip
    missing = [each for each in wanted if not any(each[0] in row.name and each[1] == row.limit for row in TARGETS)]
    assert missing == []


def test_the_documentation_has_the_sections_that_are_written() -> None:
    for file, mark in sections(Figures()):
        page = replaced(read(file), mark, "new text", "bench")
        assert f"{START.format(mark, 'bench')}\n\nnew text\n\n{END.format(mark)}" in page
