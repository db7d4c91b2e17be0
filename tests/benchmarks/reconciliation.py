"""Whether what the pages said agrees with what arrived at Zype, PIN by PIN."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

# The page says that Zype was asked, or that it may have been.
LINKED, NOT_FOUND, UNKNOWN, NO_ANSWER = "linked", "not_found", "unknown", "no_answer"
# The page says that nothing was sent.
NOTHING_SENT = frozenset({"unavailable", "too_many", "malformed"})


class Sent(NamedTuple):
    """One POST of a PIN.

    Args:
        consumer_id: whose session sent it.
        page: what its answer showed; ``no_answer`` if there was none.
        is_repeat: a second click, while the first was under way.
    """

    consumer_id: str
    pin: str
    page: str
    is_repeat: bool = False


class Call(NamedTuple):
    """One call that arrived at Zype; its status is none if the caller was gone before it was answered."""

    consumer_id: str
    pin: str
    status: int | None


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
        "it was sent more than once": len(calls) > most_calls(posts),
        "a page says linked, and Zype did not link it once": LINKED in pages and statuses.count(200) != 1,
        "Zype linked it, and no page may say so": 200 in statuses and not {LINKED, UNKNOWN, NO_ANSWER} & pages,
        "a page says not found, and Zype did not": NOT_FOUND in pages and 404 not in statuses,
        "the pages say that nothing was sent, and Zype was asked": pages <= NOTHING_SENT and calls,
        "a page says that we did not hear back, and Zype was never asked": UNKNOWN in pages and not calls,
        "a page shows something else": pages - NOTHING_SENT - {LINKED, NOT_FOUND, UNKNOWN, NO_ANSWER},
    }
    for fault, is_there in contradictions.items():
        if is_there:
            yield f"{fault}: {sorted(pages)}, {statuses}"


def most_calls(posts: Sequence[Sent]) -> int:
    """Return how often a PIN may have reached Zype: once, and again where its viewer tried again without an answer."""
    tries = [post for post in posts if not post.is_repeat and post.page not in NOTHING_SENT]
    lost = [post for post in tries if post.page in (UNKNOWN, NO_ANSWER)]
    return max(1, min(len(tries), len(lost) + 1))
