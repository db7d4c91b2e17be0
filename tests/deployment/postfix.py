"""Debian's Postfix on a loopback port, with a folder of its own, which hands every mail on to another server."""

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.harness.programs import need, need_file, need_root
from tests.harness.servers import Port
from tests.harness.starting import accepts, wait_until_it_answers

MASTER = Path("/usr/lib/postfix/sbin/master")
# For Postfix the server to which it hands on knows no 8BITMIME, which SMTPUTF8 would include: it changes what is not
# 7-bit.
MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
myhostname = relay.example.test
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtp_dns_support_level = disabled
smtp_host_lookup = native
smtp_discard_ehlo_keywords = 8bitmime, smtputf8
relayhost = [127.0.0.1]:{next_port}
smtpd_recipient_restrictions = {restrictions}
smtpd_end_of_data_restrictions = {end_of_data}
"""
# A sender or recipient, and what Postfix answers after RCPT, or after the whole mail.
AT_RECIPIENT = {
    "gone@example.com": "550 5.1.1 No such mailbox",
    "elsewhere@example.com": "reject_unauth_destination",
    "blocked@sender.example": "REJECT",
}
AFTER_DATA = {"unverified@sender.example": "554 5.7.1 Email address is not verified"}
SERVICES = """
{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
proxymap unix - - n - - proxymap
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


@contextlib.contextmanager
def postfix(next_port: int) -> Iterator[int]:
    """Run Postfix while the block runs; yields its port.

    Args:
        next_port: on which the server listens that gets every mail.
    """
    need_root("Postfix")
    program = need("postfix")
    port = Port()
    # Its processes run as other accounts, which can't enter the folders of the tests.
    with tempfile.TemporaryDirectory(prefix="postfix-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        _configure(folder, port.number, next_port)
        port.close()
        # Makes the folders of the queue.
        subprocess.run([program, "-c", folder, "check"], check=True, capture_output=True, timeout=30)
        # By itself: what starts it otherwise does not pass on the signal to stop.
        process = subprocess.Popen([need_file(MASTER), "-c", folder])
        try:
            wait_until_it_answers(process, lambda: accepts(port.number), lambda: _log_of(folder))
            yield port.number
        finally:
            process.terminate()
            process.wait(10)


def _configure(folder: Path, port: int, next_port: int) -> None:
    for kind in ("queue", "data"):
        (folder / kind).mkdir()
    given = {"folder": folder, "port": port, "next_port": next_port}
    at_recipient = [f"check_{who}_access {_table(AT_RECIPIENT)}" for who in ("sender", "recipient")]
    restrictions = ", ".join([*at_recipient, "permit"])
    end_of_data = f"check_sender_access {_table(AFTER_DATA)}"
    (folder / "main.cf").write_text(MAIN.format(**given, restrictions=restrictions, end_of_data=end_of_data))
    (folder / "master.cf").write_text(SERVICES.format(**given))
    shutil.chown(folder / "data", "postfix")


def _table(answers: dict[str, str]) -> str:
    return "inline:{{{}}}".format(", ".join(f"{{{key} = {answer}}}" for key, answer in answers.items()))


def _log_of(folder: Path) -> str:
    """Return what Postfix has logged."""
    path = folder / "log"
    return path.read_text(errors="replace") if path.exists() else "nothing"
