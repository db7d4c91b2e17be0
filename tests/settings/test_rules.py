"""The rules between settings: what a mode requires, and settings that are valid alone but not together."""

import pytest
from pydantic import SecretStr

from portal.domain.pins import PinRules
from portal.settings.environment import variable
from portal.settings.loading import load
from portal.settings.rules import OIDC_CREDENTIALS
from portal.settings.settings import Settings
from tests.harness.cases import each
from tests.settings.conftest import FaultsOf
from tests.settings.samples import LIVE, VALID


class TestLiveMode:
    """Live mode starts with the operator's own secrets and Zype's own addresses, or not at all."""

    def test_it_calls_zype(self) -> None:
        settings = load(LIVE)
        assert (settings.zype_api_url, settings.zype_login_url) == ("https://api.zype.com", "https://login.zype.com")
        assert settings.is_https

    def test_it_needs_every_secret_and_its_own_address(self, faults_of: FaultsOf) -> None:
        required = LIVE.keys() - {"PORTAL_MODE"}
        assert faults_of({"PORTAL_MODE": "live"}).keys() == required
        for name in required:
            faults = faults_of({**LIVE, name: " "})
            assert [*faults] == [name]
            assert faults[name].startswith("is required in live mode")

    @pytest.mark.parametrize("name", ["PORTAL_ZYPE_API_URL", "PORTAL_ZYPE_LOGIN_URL"])
    def test_plain_http_to_zype_is_for_loopback_only(self, name: str, faults_of: FaultsOf) -> None:
        load(LIVE | {name: "http://127.0.0.1:8001"})
        assert "https" in faults_of(LIVE | {name: "http://api.zype.com"})[name]

    @pytest.mark.parametrize("name", ["zype_api_key", "zype_client_id", "zype_client_secret"])
    def test_the_sandbox_s_credentials_are_refused(self, name: str, faults_of: FaultsOf) -> None:
        default = getattr(Settings(), name)
        value = default.get_secret_value() if isinstance(default, SecretStr) else default
        expected = {variable(name): "opens the sandbox only; set the one that Zype gave you"}
        assert faults_of({**LIVE, variable(name): value}) == expected

    def test_an_app_key_takes_the_place_of_an_admin_key(self, faults_of: FaultsOf) -> None:
        without = {name: value for name, value in LIVE.items() if name != "PORTAL_ZYPE_API_KEY"}
        settings = load(without | {"PORTAL_ZYPE_APP_KEY": "made-up-app-key"})
        assert settings.zype_api_key is None
        assert not settings.has_console
        assert load(LIVE | {"PORTAL_ZYPE_APP_KEY": "made-up-app-key"}).has_console
        assert load({"PORTAL_ZYPE_APP_KEY": "sandbox-app-key"}).zype_api_key is None
        assert (
            "opens the sandbox only"
            in faults_of(without | {"PORTAL_ZYPE_APP_KEY": "sandbox-app-key"})["PORTAL_ZYPE_APP_KEY"]
        )

    def test_the_sandbox_s_credentials_open_a_stand_in_for_zype_on_this_machine(self) -> None:
        load(LIVE | {"PORTAL_ZYPE_API_KEY": "sandbox-api-key", "PORTAL_ZYPE_API_URL": "http://127.0.0.1:8001"})

    def test_an_invalid_mode_is_the_only_fault_that_it_causes(self, faults_of: FaultsOf) -> None:
        faults = faults_of(LIVE | {"PORTAL_MODE": "life", "PORTAL_ZYPE_API_URL": "https://api.zype.com"})
        assert [*faults] == ["PORTAL_MODE"]

    def test_mail_needs_a_sender(self, faults_of: FaultsOf) -> None:
        server = {"PORTAL_SMTP_URL": "smtp://mail.example.com:587"}
        [fault] = faults_of(LIVE | server).items()
        assert fault[0] == "PORTAL_MAIL_FROM"
        assert fault[1].startswith("is required with PORTAL_SMTP_URL")
        load(LIVE | server | {"PORTAL_MAIL_FROM": "support@example.com"})
        load(server)


HANDOFF = {
    "PORTAL_SIGN_IN": "handoff",
    "PORTAL_HANDOFF_ISSUER": "https://www.example.com",
    "PORTAL_HANDOFF_URL": "https://www.example.com/tv",
}
HANDOFF_KEY = {"PORTAL_HANDOFF_KEY": "f1e2d3c4" * 4}
JWKS_URL = {"PORTAL_HANDOFF_JWKS_URL": "https://www.example.com/keys"}


def test_a_logo_for_dark_pages_is_not_the_only_one(faults_of: FaultsOf) -> None:
    [(name, fault)] = faults_of({"PORTAL_BRAND_LOGO_DARK": __file__}).items()
    assert (name, fault) == ("PORTAL_BRAND_LOGO_DARK", "is for dark pages alone; set PORTAL_BRAND_LOGO too")
    load({"PORTAL_BRAND_LOGO_DARK": __file__, "PORTAL_BRAND_LOGO": __file__})


def test_the_console_s_origin_is_one_of_its_own(faults_of: FaultsOf) -> None:
    load(LIVE | {"PORTAL_STAFF_URL": "https://support.example.com"})
    for url, start in (
        ("https://tv.example.com", "must have another host name"),
        ("https://tv.example.com:8443", "must have another host name"),
        ("http://localhost:8000", "must start with"),
    ):
        [(name, fault)] = faults_of(LIVE | {"PORTAL_STAFF_URL": url}).items()
        assert (name, fault[: len(start)]) == ("PORTAL_STAFF_URL", start)


def test_the_console_s_origin_needs_a_console(faults_of: FaultsOf) -> None:
    without = {name: value for name, value in LIVE.items() if name != "PORTAL_ZYPE_API_KEY"}
    app_key = {"PORTAL_ZYPE_APP_KEY": "a1b2c3d4" * 4}
    load(without | app_key)
    [(name, fault)] = faults_of(without | app_key | {"PORTAL_STAFF_URL": "https://support.example.com"}).items()
    assert (name, fault[:46]) == ("PORTAL_STAFF_URL", "has no effect without PORTAL_ZYPE_API_KEY, whi")


class TestHandoff:
    """Hand-off sign-in needs an issuer, an address and one key; the sandbox's site has them."""

    def test_it_needs_an_issuer_an_address_and_one_key(self, faults_of: FaultsOf) -> None:
        for key in (HANDOFF_KEY, JWKS_URL):
            load(LIVE | HANDOFF | key)
        assert faults_of(LIVE | HANDOFF).keys() == {"PORTAL_HANDOFF_KEY"}
        assert faults_of(LIVE | HANDOFF | HANDOFF_KEY | JWKS_URL).keys() == {"PORTAL_HANDOFF_JWKS_URL"}
        required = {"PORTAL_HANDOFF_ISSUER", "PORTAL_HANDOFF_URL", "PORTAL_HANDOFF_KEY"}
        assert faults_of(LIVE | {"PORTAL_SIGN_IN": "password,handoff"}).keys() == required

    def test_the_sandbox_s_key_opens_the_sandbox_alone(self, faults_of: FaultsOf) -> None:
        settings = load({"PORTAL_SIGN_IN": "handoff", "PORTAL_ZYPE_API_URL": "http://127.0.0.1:9001"})
        assert settings.handoff_url == "http://127.0.0.1:9001/video-service"
        assert settings.handoff_key
        key = {"PORTAL_HANDOFF_KEY": settings.handoff_key.get_secret_value()}
        assert faults_of(LIVE | HANDOFF | key).keys() == {"PORTAL_HANDOFF_KEY"}
        assert load({"PORTAL_SIGN_IN": "handoff"} | JWKS_URL).handoff_key is None


class TestSandboxMode:
    """The sandbox stays on this machine, and its login is where its API is."""

    def test_it_is_what_nothing_set_means(self) -> None:
        settings = load({})
        assert settings.mode == "sandbox"
        assert settings.public_url == "http://127.0.0.1:8000"
        assert settings.zype_api_url == settings.zype_login_url == "http://127.0.0.1:8001"
        assert settings.sandbox_mail_address == ("127.0.0.1", 8025)
        assert settings.pin_rules == PinRules()
        assert not settings.outbound_proxy
        assert not settings.is_https

    @pytest.mark.parametrize("name", ["PORTAL_ZYPE_API_URL", "PORTAL_ZYPE_LOGIN_URL"])
    def test_it_must_stay_on_this_machine(self, name: str, faults_of: FaultsOf) -> None:
        fault = faults_of({name: "https://api.zype.com"})[name]
        assert fault.startswith("must stay on this machine or a private network in sandbox mode")

    def test_tvs_of_the_same_network_reach_it_only_if_that_is_wanted(self, faults_of: FaultsOf) -> None:
        for host in ("192.168.1.10", "10.0.0.7", "[fd00::7]"):
            sandbox = {"PORTAL_ZYPE_API_URL": f"http://{host}:8001"}
            assert faults_of(sandbox).keys() == {"PORTAL_SANDBOX_PUBLIC"}, host
            settings = load(sandbox | {"PORTAL_SANDBOX_PUBLIC": "yes"})
            assert settings.zype_login_url == f"http://{host}:8001"
            assert settings.sandbox_mail_address == ("127.0.0.1", 8025), host
        for host in (
            "tv.example.com",
            "203.0.113.7.example.com",
            "8.8.8.8",
            "203.0.113.7",
            "169.254.169.254",
        ):
            sandbox = {"PORTAL_ZYPE_API_URL": f"http://{host}:8001", "PORTAL_SANDBOX_PUBLIC": "yes"}
            assert "PORTAL_ZYPE_API_URL" in faults_of(sandbox), host
        faults = faults_of(LIVE | {"PORTAL_ZYPE_API_URL": "http://192.168.1.10:8001"})
        assert faults["PORTAL_ZYPE_API_URL"].startswith("must start with https://")

    def test_its_login_and_its_mail_server_are_where_its_api_is(self) -> None:
        for url, address in (
            ("http://127.0.0.1:9001", ("127.0.0.1", 9025)),
            ("http://[::1]:65535", ("::1", 65511)),
            ("http://localhost", ("localhost", 104)),
        ):
            settings = load({"PORTAL_ZYPE_API_URL": url})
            assert (settings.zype_login_url, settings.sandbox_mail_address) == (url, address)

    @pytest.mark.parametrize("url", ["smtps://127.0.0.1:25", "smtp://tv:word@127.0.0.1:25", "smtp://mail.example.com"])
    def test_it_takes_no_mail_where_another_mail_server_is_set(self, url: str) -> None:
        assert load({"PORTAL_SMTP_URL": url}).sandbox_mail_address is None

    def test_the_portal_is_where_it_listens(self) -> None:
        assert load({"PORTAL_BIND": "127.0.0.1:9000"}).public_url == "http://127.0.0.1:9000"
        assert load({"PORTAL_BIND": "[::1]:9000"}).public_url == "http://[::1]:9000"

    def test_listening_elsewhere_needs_a_public_address(self, faults_of: FaultsOf) -> None:
        assert faults_of({"PORTAL_BIND": "0.0.0.0:8000"})["PORTAL_PUBLIC_URL"].startswith("is required")
        public = {"PORTAL_SANDBOX_PUBLIC": "yes", "PORTAL_PUBLIC_URL": "https://tv.example.com"}
        load({"PORTAL_BIND": "0.0.0.0:8000", **public})

    def test_it_is_reached_from_elsewhere_only_if_that_is_wanted(self, faults_of: FaultsOf) -> None:
        public_url = {"PORTAL_PUBLIC_URL": "https://tv.example.com"}
        for environ in (
            public_url,
            public_url | {"PORTAL_BIND": "0.0.0.0:8000"},
            public_url | {"PORTAL_BIND": "[::]:8000"},
            public_url | {"PORTAL_BIND": "tv.example.com:8000"},
            public_url | {"PORTAL_BIND": "127.0.0.1.example.com:8000"},
            {"PORTAL_BIND": "192.0.2.7:8000", "PORTAL_PUBLIC_URL": "http://localhost:8000"},
            {"PORTAL_METRICS_BIND": "0.0.0.0:9100"},
        ):
            [(name, fault)] = faults_of(environ).items()
            assert (name, fault[:11]) == ("PORTAL_SANDBOX_PUBLIC", "must be yes"), environ
            assert all(setting in fault for setting, value in environ.items() if "localhost" not in value), environ
            assert "PORTAL_MODE=live" in fault
            load(environ | {"PORTAL_SANDBOX_PUBLIC": "yes"})
            load(LIVE | environ)
        staff = {"PORTAL_PUBLIC_URL": "https://localhost", "PORTAL_STAFF_URL": "https://support.example.com"}
        assert faults_of(staff).keys() == {"PORTAL_SANDBOX_PUBLIC"}
        load({"PORTAL_BIND": "[::1]:8000", "PORTAL_PUBLIC_URL": "https://localhost"})

    def test_an_invalid_setting_does_not_hide_a_rule(self, faults_of: FaultsOf) -> None:
        faults = faults_of({"PORTAL_BIND": "0.0.0.0:8000", "PORTAL_WORKERS": "x"})
        assert faults.keys() == {"PORTAL_PUBLIC_URL", "PORTAL_SANDBOX_PUBLIC", "PORTAL_WORKERS"}


@each(
    "environ, name, fault",
    [
        (
            {"PORTAL_THREADS": "16", "PORTAL_ZYPE_CONCURRENCY": "16"},
            "PORTAL_ZYPE_CONCURRENCY",
            "must be smaller than PORTAL_THREADS, or pages wait when Zype hangs",
        ),
        # Whatever the host: an address that stands for all, another name of the same, or IPv6 that takes IPv4 too.
        *(
            (
                {"PORTAL_BIND": bind, "PORTAL_METRICS_BIND": metrics},
                "PORTAL_METRICS_BIND",
                "must have another port than PORTAL_BIND: metrics are not for the public",
            )
            for bind, metrics in (
                ("127.0.0.1:8000", "127.0.0.1:8000"),
                ("127.0.0.1:8000", "localhost:8000"),
                ("127.0.0.1:8000", "[::1]:08000"),
            )
        ),
        *(
            (given, name, f"must have another port than {bind}: in sandbox mode the sandbox listens there")
            for given, name, bind in (
                ({"PORTAL_BIND": "[::1]:8001"}, "PORTAL_ZYPE_API_URL", "PORTAL_BIND"),
                ({"PORTAL_BIND": "127.0.0.1:8025"}, "PORTAL_SMTP_URL", "PORTAL_BIND"),
                ({"PORTAL_METRICS_BIND": "127.0.0.1:8001"}, "PORTAL_ZYPE_API_URL", "PORTAL_METRICS_BIND"),
            )
        ),
        (
            {"PORTAL_PIN_CASE": "upper"},
            "PORTAL_PIN_PATTERN",
            "is required with PORTAL_PIN_CASE=upper: the default matches no capital letter",
        ),
        *(
            (roles, "PORTAL_STAFF_OIDC_SUPERVISOR_ROLE", "must differ from PORTAL_STAFF_OIDC_AGENT_ROLE")
            for roles in (
                {"PORTAL_STAFF_OIDC_AGENT_ROLE": "supervisor"},
                {"PORTAL_STAFF_OIDC_AGENT_ROLE": "support", "PORTAL_STAFF_OIDC_SUPERVISOR_ROLE": "support"},
            )
        ),
    ],
)
def test_settings_that_do_not_fit_together(environ: dict[str, str], name: str, fault: str, faults_of: FaultsOf) -> None:
    assert faults_of(environ) == {name: fault}


def test_upper_case_pins_with_a_pattern_of_their_own() -> None:
    rules = load({"PORTAL_PIN_CASE": "upper", "PORTAL_PIN_PATTERN": "[A-Z0-9]{6}"}).pin_rules
    assert rules.normalise("abc-123").secret == "ABC123"


def test_the_identity_provider_needs_all_its_credentials(faults_of: FaultsOf) -> None:
    credentials = {variable(name): VALID[name][0] for name in OIDC_CREDENTIALS}
    load(credentials)
    for name in credentials:
        others = {other: value for other, value in credentials.items() if other != name}
        assert faults_of(others) == {name: "is required when any other PORTAL_STAFF_OIDC_ credential is set"}
    # The names of claims and roles alone name no provider.
    load({"PORTAL_STAFF_OIDC_AGENT_ROLE": "support", "PORTAL_STAFF_OIDC_ROLE_CLAIM": "groups"})
