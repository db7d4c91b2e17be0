"""Writes what was measured as tables into the documentation, between the marks of their sections."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.benchmarks.figures import BARE, DURABLE, PORTAL, POSTGRESQL, SQLITE, Figures, Setting, Spread
from tests.benchmarks.machine import heading
from tests.benchmarks.targets import TARGETS, Target
from tests.harness.fork_server import ROOT

START, END = "<!-- {}: made by make {} -->", "<!-- end of {} -->"
CASES = {
    "entry": "page for the PIN",
    "link": "link",
    "not_found": "PIN not found",
    "sign_in": "sign-in, form and POST",
    "tvs": "`/devices` with two TVs",
    "agent_link": "an agent's link, two POSTs",
}
SINGLE = (
    "first_page_ms",
    "idle_megabytes",
    "loaded_megabytes",
    "hang_p50",
    "hang_p99",
    "idle_p50",
    "idle_p99",
    "busy_p99",
)
SERVERS = (BARE, DURABLE, PORTAL)
# In the README are the targets whose names begin with these words.
SHORT_NAMES = (
    "page for the PIN",
    "link, rate",
    "link, p99",
    "page while Zype hangs",
    "cold start",
    "memory of a worker",
)
SHORT = [target for target in TARGETS if target.name.startswith(SHORT_NAMES)]


def row(cells: Iterable[object]) -> str:
    """Return a line of a table."""
    return f"| {' | '.join(map(str, cells))} |"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table."""
    return "\n".join([row(head), row(["---"] * len(head)), *map(row, rows)])


def targets_table(figures: Figures, targets: Sequence[Target] = TARGETS) -> str:
    """Return the table of targets, with what was measured."""
    rows = [(each.name, each.wanted(), each.found(figures), each.verdict(figures)) for each in targets]
    return table(("What", "Target", "Measured: median (range)", ""), rows)


def spread(values: Sequence[float], digits: int) -> str:
    """Return a median with its range, or a dash."""
    if not values:
        return "–"
    found = Spread.of(values)
    if len(values) == 1:
        return f"{found.median:,.{digits}f}"
    return f"{found.median:,.{digits}f} ({found.least:,.{digits}f}–{found.most:,.{digits}f})"


def rates_table(figures: Figures) -> str:
    """Return the rates of every setting, and the ratios of pairs."""
    rows = []
    for setting in settings(figures):
        rates = [spread(figures.values(setting, server, "rate"), 0) for server in SERVERS]
        ratios = [spread(figures.ratios(setting, "rate", floor), 2) for floor in (BARE, DURABLE)]
        turned_away = f"{100 * Spread.of(figures.values(setting, PORTAL, 'turned_away')).median:.1f} %"
        rows.append((*names(setting), *rates, *ratios, turned_away))
    head = (
        "",
        "users",
        "Zype",
        "database",
        "bare floor, /s",
        "durable floor, /s",
        "portal, /s",
        "of bare",
        "of durable",
        "turned away",
    )
    return table(head, rows)


def times_table(figures: Figures) -> str:
    """Return the medians of latencies and CPU times of every setting."""
    rows = []
    for setting in settings(figures):
        cells = [median(figures.values(setting, server, name), 1) for name in ("p50", "p99") for server in SERVERS]
        cpu = [median(figures.values(setting, server, "cpu"), 0) for server in SERVERS]
        rows.append((*names(setting), *cells, *cpu))
    heads = [f"{name}, {server}" for name in ("p50, ms", "p99, ms", "CPU, µs") for server in SERVERS]
    return table(("", "users", "Zype", "database", *heads), rows)


def median(values: Sequence[float], digits: int) -> str:
    """Return a median, or a dash."""
    return f"{Spread.of(values).median:,.{digits}f}" if values else "–"


def settings(figures: Figures) -> list[Setting]:
    """Return the settings that were measured, in the order of the tables."""
    order = list(CASES)
    found = {setting for setting, _ in figures.runs}
    return sorted(found, key=lambda each: (order.index(each.case), each.database != SQLITE, each.delay, each.visitors))


def names(setting: Setting) -> tuple[str, int, str, str]:
    """Return the first cells of a setting's row."""
    return CASES[setting.case], setting.visitors, f"{setting.delay * 1000:.0f} ms", setting.database


def capacity_table(figures: Figures) -> str:
    """Return how many activations a minute some machines of two cores reach: the page, a link, and the page after it.

    That page costs what the first does. PostgreSQL is on a machine of its own; SQLite serves one machine alone.
    """
    rows: list[tuple[object, ...]] = []
    costs = {}
    for database in (SQLITE, POSTGRESQL):
        page, link = Setting("entry", database=database), Setting("link", database=database)
        found = [figures.values(each, PORTAL, "cpu") for each in (page, link)]
        if not all(found):
            continue
        costs[database] = 2 * Spread.of(found[0]).median + Spread.of(found[1]).median
        if database == POSTGRESQL:
            shared = [Spread.of(figures.values(each, PORTAL, "database_cpu")).median for each in (page, link)]
            limit = 60e6 / (2 * shared[0] + shared[1]) if any(shared) else 0.0
    for machines in (1, 2, 4, 8):
        cells: list[str] = []
        for database in (SQLITE, POSTGRESQL):
            if database not in costs or (database == SQLITE and machines > 1):
                cells.append("–")
            else:
                cells.append(f"{machines * 2 * 60e6 / costs[database]:,.0f}")
        cores = f"{machines * 2 * 60e6 / costs[POSTGRESQL] / limit:.1f}" if POSTGRESQL in costs and limit else "–"
        rows.append((machines, *cells, cores))
    return table(("machines of two cores", "on SQLite", "on PostgreSQL", "cores that PostgreSQL needs then"), rows)


def others(figures: Figures) -> str:
    """Return the sentences about what is in no table."""
    found = {name: spread(values, 1) for name, values in figures.others.items() if values}
    load = max((run.load for runs in figures.runs.values() for run in runs), default=0.0)
    sentences = (
        "The first page after a start takes {first_page_ms} ms.",
        "The processes of the portal take {idle_megabytes} MB each after the start,",
        "and {loaded_megabytes} MB after all of the load.",
        "While Zype hangs half of the pages come within {hang_p50} ms and 99 of 100 within",
        "{hang_p99} ms ({idle_p50} and {idle_p99} ms idle); 99 of 100 busy pages come within {busy_p99} ms.",
        f"Load, stand-in and PostgreSQL used at most {load:.2f} of their core.",
        f"{figures.disturbed} runs were disturbed by other processes, and were repeated in vain.",
        f"{figures.posts:,} PINs were sent; {len(figures.faults)} pages disagreed with what arrived at Zype.",
    )
    return "\n".join(sentences).format_map({name: found.get(name, "–") for name in SINGLE})


def sections(figures: Figures) -> dict[tuple[str, str], str]:
    """Return the text of each section, by file and mark."""
    when = heading()
    rates = f"**Rates**\n\n{rates_table(figures)}"
    times = f"**Latencies and CPU time of an answer, medians**\n\n{times_table(figures)}"
    return {
        ("docs/performance.md", "targets"): f"{when}\n\n{targets_table(figures)}",
        ("docs/performance.md", "figures"): "\n\n".join([rates, times, others(figures)]),
        ("docs/performance.md", "capacity"): capacity_table(figures),
        ("README.md", "figures"): f"{when}\n\n{targets_table(figures, SHORT)}",
    }


def write(texts: dict[tuple[str, str], str], command: str, root: Path = ROOT) -> None:
    """Replace sections of the documentation.

    Raises:
        ValueError: a file has no such section.
    """
    for (file, mark), text in texts.items():
        path = root / file
        path.write_text(replaced(path.read_text(encoding="utf-8"), mark, text, command), encoding="utf-8")


def replaced(page: str, mark: str, text: str, command: str) -> str:
    """Return a page with another text between the marks of a section. Raises ValueError if it has none."""
    start, end = START.format(mark, command), END.format(mark)
    before, found, rest = page.partition(start)
    _, is_closed, after = rest.partition(end)
    if not (found and is_closed):
        raise ValueError(f"there is no section {start} … {end}")
    return f"{before}{start}\n\n{text}\n\n{end}{after}"
