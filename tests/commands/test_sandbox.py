"""``sandbox`` by itself: a port in use."""

import pytest

from tests.commands.conftest import Run
from tests.harness.servers import Port, free_port


@pytest.mark.parametrize(("setting", "scheme"), [("PORTAL_ZYPE_API_URL", "http"), ("PORTAL_SMTP_URL", "smtp")])
def test_a_port_in_use_is_an_error_in_one_sentence(setting: str, scheme: str, run: Run, port: Port) -> None:
    urls = {"PORTAL_ZYPE_API_URL": f"http://127.0.0.1:{free_port()}", setting: f"{scheme}://{port.bind}"}
    done = run("sandbox", **urls)
    assert done.exit_code == 1
    assert done.stderr == f"Can't listen on {port.bind}: address already in use. Set {setting} to another address.\n"
