"""Whether what the pages said agrees with what arrived at Zype, PIN by PIN."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

# The page says that Zype was asked, or that it may have been.
LINKED, NOT_FOUND, UNKNOWN, NO_ANSWER = "linked", "not_found", "unknown", "no_answer"
# The page says that nothing was sent, for instance since every place for calls to Zype was taken.
TURNED_AWAY = "unavailable"
NOTHING_SENT = frozenset({TURNED_AWAY, "too_many", "malformed"})


class Sent(NamedTuple):
    """One POST of a PIN.

    Args:
        consumer_id: whose session sent it.
        page: what its answer showed; ``no_answer`` if there was none.
    """

    consumer_id: str
    pin: str
    page: str


class Call(NamedTuple):
    """One call that arrived at Zype.

    Args:
        status: of the answer; none if the caller was gone before it.
        began: seconds, when it arrived.
        ended: when it was answered, or the caller was gone; none if it was still waiting.
    """

    consumer_id: str
    pin: str
    status: int | None
    began: float
    ended: float | None


def disagreements(sent: Iterable[Sent], calls: Iterable[Call]) -> list[str]:
    """Return a line for each PIN of which a page and Zype say different things."""
    posts, arrived = defaultdict(list), defaultdict(list)
    for post in sent:
        posts[post.pin].append(post)
    for call in calls:
        arrived[call.pin].append(call)
    return [f"{pin}: {fault}" for pin in {**posts, **arrived} for fault in faults(posts[pin], arrived[pin])]


def faults(posts: Sequence[Sent], calls: Sequence[Call]) -> Iterator[str]:
    """Yield what is wrong about one PIN, which one viewer has sent, once or several times."""
    pages, statuses = {post.page for post in posts}, [call.status for call in calls]
    strangers = {call.consumer_id for call in calls} - {post.consumer_id for post in posts}
    contradictions = {
        "it was sent for another viewer, or by nobody": strangers,
        "it was sent more often than viewers sent it": len(calls) > most_calls(posts),
        "it was sent twice at once": overlap(calls),
        "a page says linked, and Zype did not link it once": LINKED in pages and statuses.count(200) != 1,
        "Zype linked it, and no page may say so": 200 in statuses and not {LINKED, UNKNOWN, NO_ANSWER} & pages,
        "a page says not found, and Zype did not": NOT_FOUND in pages and 404 not in statuses,
        "a page says that we did not hear back, and Zype was never asked": UNKNOWN in pages and not calls,
        "a page shows something else": pages - NOTHING_SENT - {LINKED, NOT_FOUND, UNKNOWN, NO_ANSWER},
    }
    for fault, is_there in contradictions.items():
        if is_there:
            yield f"{fault}: {sorted(pages)}, {statuses}"


def most_calls(posts: Sequence[Sent]) -> int:
    """Return how often a PIN may have reached Zype: for each page that does not say that nothing was sent."""
    return sum(post.page not in NOTHING_SENT for post in posts)


def overlap(calls: Sequence[Call]) -> bool:
    """Tell whether one call arrived while another was under way."""
    in_order = sorted(calls, key=lambda call: call.began)
    return any(first.ended is None or first.ended > second.began for first, second in pairwise(in_order))
