"""The settings: what each accepts, every fault at once with how to mend it, and no value ever shown."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from limits import parse
from pydantic import SecretStr, ValidationError

from portal.domain.errors import SettingsError
from portal.domain.pins import PinRules
from portal.settings.environment import variable
from portal.settings.loading import load
from portal.settings.settings import NAMES, SECRETS, Settings

KEY = "0123456789abcdef" * 2
LIVE = {
    "PORTAL_MODE": "live",
    "PORTAL_SECRET_KEY": KEY,
    "PORTAL_PUBLIC_URL": "https://tv.example.com",
    "PORTAL_ZYPE_API_KEY": "made-up-key",
    "PORTAL_ZYPE_CLIENT_ID": "made-up-client",
    "PORTAL_ZYPE_CLIENT_SECRET": "made-up-secret",
}

# Every setting with a value that it accepts, and what becomes of it.
GOOD: dict[str, tuple[str, Any]] = {
    "mode": ("sandbox", "sandbox"),
    "secret_key": (KEY, SecretStr(KEY)),
    "secret_key_previous": (KEY, SecretStr(KEY)),
    "ledger_key": (KEY, SecretStr(KEY)),
    "ledger_key_previous": (KEY, SecretStr(KEY)),
    "language": ("en", "en"),
    "bind": ("127.0.0.1:9000", "127.0.0.1:9000"),
    "metrics_bind": ("127.0.0.1:9100", "127.0.0.1:9100"),
    "workers": ("4", 4),
    "threads": ("64", 64),
    "public_url": ("HTTPS://TV.example.com:443/", "https://tv.example.com"),
    "proxy_hops": ("1", 1),
    "zype_api_url": ("http://127.0.0.1:9001/", "http://127.0.0.1:9001"),
    "zype_login_url": ("http://[::1]:9002", "http://[::1]:9002"),
    "zype_api_key": ("made-up-key", SecretStr("made-up-key")),
    "zype_client_id": ("made-up-client", "made-up-client"),
    "zype_client_secret": ("made-up-secret", SecretStr("made-up-secret")),
    "zype_connect_timeout": ("0.5", 0.5),
    "zype_read_timeout": ("2", 2.0),
    "zype_concurrency": ("8", 8),
    "sign_in": ("code, password,code", ("code", "password")),
    "database_url": ("sqlite:////srv/tv.db", SecretStr("sqlite:////srv/tv.db")),
    "redis_url": ("rediss://:word@cache.example:6379/1", SecretStr("rediss://:word@cache.example:6379/1")),
    "pin_case": ("keep", "keep"),
    "pin_pattern": ("[A-Z]{6}", re.compile("[A-Z]{6}")),
    "ticket_pattern": ("T-[0-9]{1,9}", re.compile("T-[0-9]{1,9}")),
    "staff_oidc_issuer": ("https://id.example.com/tv/", "https://id.example.com/tv/"),
    "staff_oidc_client_id": ("made-up-console", "made-up-console"),
    "staff_oidc_client_secret": ("made-up-console-secret", SecretStr("made-up-console-secret")),
    "staff_oidc_role_claim": ("realm_access.roles", "realm_access.roles"),
    "staff_oidc_agent_role": ("support", "support"),
    "staff_oidc_supervisor_role": ("support lead", "support lead"),
    "smtp_url": ("smtp://tv:word@mail.example.com:587", SecretStr("smtp://tv:word@mail.example.com:587")),
    "mail_from": ("support@example.com", "support@example.com"),
    "brand_name": ("Example TV", "Example TV"),
    "brand_logo": (__file__, Path(__file__)),
    "brand_accent": ("#00aa55", "#00aa55"),
    "brand_support_url": ("https://example.com/help/?topic=tv#pin", "https://example.com/help/?topic=tv#pin"),
    "brand_terms_url": ("https://example.com/terms/", "https://example.com/terms/"),
    "brand_privacy_url": ("mailto:privacy@example.com", "mailto:privacy@example.com"),
    "overrides_dir": (str(Path(__file__).parent), Path(__file__).parent),
    "limit_agent": ("9/day", (parse("9/day"),)),
    "limit_lookup": ("9/day", (parse("9/day"),)),
    "limit_viewer": ("3/minute;9/day", (parse("3/minute"), parse("9/day"))),
    "limit_address": ("300/15minutes", (parse("300/15minutes"),)),
    "limit_sign_in": ("4/hour", (parse("4/hour"),)),
    "limit_flood": ("100/second", (parse("100/second"),)),
}

# Settings that are refused without others, and sound values of those.
STAFF_OIDC = ("staff_oidc_issuer", "staff_oidc_client_id", "staff_oidc_client_secret")
COMPANIONS: dict[str, dict[str, str]] = {
    name: {variable(other): GOOD[other][0] for other in STAFF_OIDC if other != name} for name in STAFF_OIDC
}

# Faulty values by setting. Each holds a mark by which a leaked value is found.
BAD: dict[str, tuple[str, ...]] = {
    "mode": ("xyzzy", "LIVE-xyzzy"),
    "secret_key": ("xyzzy",),
    "secret_key_previous": ("xyzzy",),
    "ledger_key": ("xyzzy",),
    "ledger_key_previous": ("xyzzy",),
    "language": ("xyzzy", "../xyzzy"),
    "bind": (
        "xyzzy",
        "xyzzy:",
        ":7777",
        "xyzzy:77777",
        "127.0.0.1:²7777",
        "http://xyzzy:7777",
        "xyz zy:7777",
    ),
    "metrics_bind": ("xyzzy", "xyzzy:77777"),
    "workers": ("xyzzy", "0", "-7777", "77.77", "7777"),
    "threads": ("xyzzy", "1", "7777"),
    "public_url": (
        "xyzzy",
        "//xyzzy",
        "ftp://xyzzy.example",
        "http://xyzzy.example",
        "https://xyzzy.example/path",
        "https://xyzzy.example?",
        "https://xyzzy.example/?query",
        "https://xyzzy.example#fragment",
        "https://xyzzy@tv.example",
        "https://:xyzzy@tv.example",
        "https://xyzzy.example:port",
        "https://xyzzy.example:77777",
        "https://[xyzzy]",
        "https://[xyzzy",
        "https://xyzzy .example",
        "https://xyzzy.example\\evil",
        "https://xyzzy\t.example",
        "https://xyzzÿ.example",
        "https://",
    ),
    "proxy_hops": ("xyzzy", "-1", "7777"),
    "zype_api_url": ("xyzzy", "https://xyzzy.example?key=7777", "http://[xyzzy]/", "http://xyzzy.example"),
    "zype_login_url": ("xyzzy", "https://xyzzy:7777@login.example"),
    "zype_api_key": ("xyz zy", "xyzzy\x00", "xyzzÿ"),
    "zype_client_id": ("xyz zy", "xyzzy\x00"),
    "zype_client_secret": ("xyz\tzy",),
    "zype_connect_timeout": ("xyzzy", "0", "-7777", "nan", "inf", "7777"),
    "zype_read_timeout": ("xyzzy", "0", "7777"),
    "zype_concurrency": ("xyzzy", "0", "7777"),
    "sign_in": ("xyzzy", "password,xyzzy", ","),
    "database_url": (
        "xyzzy",
        "mysql://xyzzy",
        "postgresql://xyzzy",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "postgresql+psycopg://u:xyzzy@host:port/db",
    ),
    "redis_url": ("xyzzy", "http://xyzzy", "memory://xyzzy", "redis://xyzzy:port"),
    "limit_agent": ("xyzzy", "0/day"),
    "limit_lookup": ("xyzzy",),
    "pin_case": ("xyzzy", "UPPER"),
    "pin_pattern": ("[xyzzy", "x*", "(?P<xyzzy>", "x{99999999999}"),
    "ticket_pattern": ("[xyzzy", "x*"),
    "staff_oidc_issuer": ("xyzzy", "http://xyzzy.example", "https://xyzzy.example?query"),
    "staff_oidc_client_id": ("xyz zy",),
    "staff_oidc_client_secret": ("xyz zy",),
    "staff_oidc_role_claim": ("xyz\x1bzy",),
    "staff_oidc_agent_role": ("xyz\x1bzy",),
    "staff_oidc_supervisor_role": ("xyz\x1bzy",),
    "smtp_url": ("xyzzy", "http://xyzzy", "smtp://xyzzy:port", "smtp://xyzzy/path"),
    "mail_from": ("xyzzy", "xyzzy @example.com", "Xyzzy <a@example.com>"),
    "brand_name": ("xyzzy" * 13, "xyz\x1bzy"),
    "brand_logo": ("/xyzzy/logo.svg", "/"),
    "brand_accent": ("xyzzy", "#xyzzyx", "#fff7777", "#fff", "red;xyzzy"),
    "brand_support_url": ("xyzzy", "javascript:xyzzy", "http://xyzzy.example", "https://[xyzzy]", "mailto:"),
    "brand_terms_url": ("xyzzy", "data:text/html,xyzzy"),
    "brand_privacy_url": ("xyzzy", "//xyzzy.example"),
    "overrides_dir": ("/xyzzy", __file__),
    "limit_viewer": ("xyzzy", "5/xyzzy", "0/day", "5", ";"),
    "limit_address": ("xyzzy", "7777"),
    "limit_sign_in": ("xyzzy", "7777"),
    "limit_flood": ("xyzzy", "7777"),
}
LEAKS = re.compile(r"xyz|zzy|zzÿ|7777|²", re.IGNORECASE)


def faults(environ: dict[str, str]) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(environ)
    assert not caught.value.__context__, "The cause holds the values"
    return caught.value.faults


def test_nothing_set_is_the_sandbox_with_every_default() -> None:
    settings = load({})
    assert settings.mode == "sandbox"
    assert settings.public_url == "http://127.0.0.1:8000"
    assert settings.zype_api_url == settings.zype_login_url == "http://127.0.0.1:8001"
    assert settings.sign_in == ("password",)
    assert (settings.workers, settings.threads, settings.zype_concurrency) == (2, 32, 16)
    assert settings.limit_viewer == (parse("5/15minutes"), parse("20/day"))
    assert settings.limit_address == (parse("200/15minutes"),)
    assert settings.limit_sign_in == (parse("10/15minutes"),)
    assert settings.limit_flood == (parse("6000/minute"),)
    assert settings.pin_rules == PinRules()
    assert settings.metrics_bind is None
    assert settings.redis_url is None
    assert not settings.outbound_proxy
    assert not settings.is_https


@pytest.mark.parametrize("name", NAMES)
def test_it_takes_each_setting(name: str) -> None:
    value, meant = GOOD[name]
    assert getattr(load(COMPANIONS.get(name, {}) | {variable(name): value}), name) == meant


@pytest.mark.parametrize(("name", "value"), [(n, v) for n in NAMES for v in BAD[n]], ids=ascii)
def test_a_faulty_value_is_named_explained_and_never_shown(name: str, value: str) -> None:
    sentences = faults({variable(name): value})
    assert [sentence.partition(":")[0] for sentence in sentences] == [variable(name)]
    assert len(sentences[0]) > len(variable(name)) + 15
    assert not LEAKS.search(sentences[0])


def test_every_fault_is_reported_at_once() -> None:
    environ = {variable(name): BAD[name][0] for name in NAMES} | {"PORTAL_ZYPE_API_KY": "xyzzy"}
    reported = faults(environ)
    assert {sentence.partition(":")[0] for sentence in reported} == environ.keys()
    assert len(reported) == len(environ)
    assert not LEAKS.search(" ".join(reported))


def test_the_error_joins_the_faults_for_the_log() -> None:
    with pytest.raises(SettingsError, match=r"PORTAL_BIND: .+; PORTAL_WORKERS: ") as caught:
        load({"PORTAL_BIND": "xyzzy", "PORTAL_WORKERS": "xyzzy"})
    assert not LEAKS.search(str(caught.value))


@pytest.mark.parametrize(
    "name",
    [
        "PORTAL_ZYPE_API_KY",
        "PORTAL_",
        "PORTAL_mode",
        "portal_MODE",
        "PORTAL_OUTBOUND_PROXY",
        "PORTAL_MODE_FILE",
    ],
)
def test_an_unknown_name_is_refused(name: str) -> None:
    if name.startswith("PORTAL_"):
        assert faults({name: "xyzzy"}) == [f"{name}: no such setting; look for a typing error"]
    else:
        load({name: "xyzzy"})


def test_other_variables_and_the_switch_of_the_test_suite_are_left_alone() -> None:
    load({"PATH": "/bin", "PORTAL": "x", "MY_PORTAL_MODE": "x", "PORTAL_REQUIRE": "1"})


@pytest.mark.parametrize("empty", ["", " ", "\n"], ids=ascii)
@pytest.mark.parametrize("name", NAMES)
def test_an_empty_value_counts_as_not_set(name: str, empty: str) -> None:
    assert load({variable(name): empty}).model_fields_set == load({}).model_fields_set


def test_white_space_around_a_value_is_dropped() -> None:
    assert load({"PORTAL_ZYPE_API_KEY": " made-up-key\n"}).zype_api_key.get_secret_value() == "made-up-key"


class TestSecretFiles:
    """Every secret can come from a file that PORTAL_…_FILE names."""

    @pytest.mark.parametrize("name", SECRETS)
    def test_a_secret_may_come_from_a_file(self, name: str, tmp_path: Path) -> None:
        value, meant = GOOD[name]
        file = tmp_path / "secret"
        file.write_text(f"{value}\n", encoding="utf-8")
        environ = COMPANIONS.get(name, {}) | {f"{variable(name)}_FILE": str(file)}
        assert getattr(load(environ), name) == meant

    @pytest.mark.parametrize("name", SECRETS)
    def test_both_a_file_and_a_value_are_refused(self, name: str, tmp_path: Path) -> None:
        file = tmp_path / "secret"
        file.write_text(GOOD[name][0], encoding="utf-8")
        both = {variable(name): GOOD[name][0], f"{variable(name)}_FILE": str(file)}
        assert faults(COMPANIONS.get(name, {}) | both) == [
            f"{variable(name)}_FILE: give either this or the plain variable, not both"
        ]

    @pytest.mark.parametrize("content", [b"\xff\xfe7777", None], ids=["not text", "missing"])
    def test_a_file_that_can_not_be_read_is_a_fault(self, content: bytes | None, tmp_path: Path) -> None:
        file = tmp_path / "xyzzy"
        if content is not None:
            file.write_bytes(content)
        [sentence] = faults({"PORTAL_SECRET_KEY_FILE": str(file)})
        assert sentence == "PORTAL_SECRET_KEY_FILE: the file that it names can't be read as text"

    def test_a_folder_or_an_impossible_name_is_a_fault(self, tmp_path: Path) -> None:
        assert len(faults({"PORTAL_SECRET_KEY_FILE": str(tmp_path)})) == 1
        assert len(faults({"PORTAL_SECRET_KEY_FILE": "xyzzy\x00"})) == 1

    def test_an_empty_file_is_a_fault(self, tmp_path: Path) -> None:
        file = tmp_path / "secret"
        file.write_text("\n", encoding="utf-8")
        assert faults({"PORTAL_ZYPE_API_KEY_FILE": str(file)}) == [
            "PORTAL_ZYPE_API_KEY_FILE: the file that it names is empty"
        ]

    def test_an_empty_plain_variable_beside_a_file_is_no_fault(self, tmp_path: Path) -> None:
        file = tmp_path / "secret"
        file.write_text(KEY, encoding="utf-8")
        settings = load({"PORTAL_SECRET_KEY": "", "PORTAL_SECRET_KEY_FILE": str(file)})
        assert settings.secret_key.get_secret_value() == KEY


class TestLiveMode:
    """Live mode starts with the operator's own secrets and with Zype's own addresses, or not at all."""

    def test_it_speaks_to_zype(self) -> None:
        settings = load(LIVE)
        assert (settings.zype_api_url, settings.zype_login_url) == (
            "https://api.zype.com",
            "https://login.zype.com",
        )
        assert settings.is_https

    @pytest.mark.parametrize("missing", [name for name in LIVE if name != "PORTAL_MODE"])
    def test_it_refuses_to_start_without_a_secret_or_its_address(self, missing: str) -> None:
        [sentence] = faults({name: value for name, value in LIVE.items() if name != missing})
        assert sentence.startswith(f"{missing}: is required in live mode")

    def test_it_names_everything_that_is_missing_at_once(self) -> None:
        assert {sentence.partition(":")[0] for sentence in faults({"PORTAL_MODE": "live"})} == LIVE.keys() - {
            "PORTAL_MODE"
        }

    def test_an_empty_secret_counts_as_missing(self) -> None:
        assert len(faults(LIVE | {"PORTAL_ZYPE_API_KEY": " "})) == 1

    @pytest.mark.parametrize("name", ["PORTAL_ZYPE_API_URL", "PORTAL_ZYPE_LOGIN_URL"])
    def test_plain_http_to_zype_is_for_loopback_only(self, name: str) -> None:
        load(LIVE | {name: "http://127.0.0.1:8001"})
        [sentence] = faults(LIVE | {name: "http://api.zype.com"})
        assert "https" in sentence

    @pytest.mark.parametrize("name", ["PORTAL_ZYPE_API_KEY", "PORTAL_ZYPE_CLIENT_ID", "PORTAL_ZYPE_CLIENT_SECRET"])
    def test_the_sandbox_credentials_are_refused(self, name: str) -> None:
        default = getattr(Settings(), name.removeprefix("PORTAL_").lower())
        value = default.get_secret_value() if isinstance(default, SecretStr) else default
        environ = LIVE | {name: value}
        assert faults(environ) == [f"{name}: opens the sandbox only; set the one that Zype gave you"]

    def test_the_sandbox_credentials_open_a_stand_in_on_this_machine(self) -> None:
        load(LIVE | {"PORTAL_ZYPE_API_KEY": "sandbox-api-key", "PORTAL_ZYPE_API_URL": "http://127.0.0.1:8001"})

    def test_a_mistyped_mode_is_the_only_fault_that_it_causes(self) -> None:
        assert len(faults(LIVE | {"PORTAL_MODE": "life", "PORTAL_ZYPE_API_URL": "https://api.zype.com"})) == 1


class TestSandboxMode:
    """The sandbox stays on this machine, and its login is where its API is."""

    @pytest.mark.parametrize("name", ["PORTAL_ZYPE_API_URL", "PORTAL_ZYPE_LOGIN_URL"])
    def test_it_must_stay_on_this_machine(self, name: str) -> None:
        sentences = faults({name: "https://api.zype.com"})
        assert sentences[0].startswith(f"{name}: must stay on this machine in sandbox mode")

    def test_its_login_is_where_its_api_is(self) -> None:
        assert load({"PORTAL_ZYPE_API_URL": "http://127.0.0.1:9001"}).zype_login_url == "http://127.0.0.1:9001"

    def test_the_portal_is_where_it_listens(self) -> None:
        assert load({"PORTAL_BIND": "127.0.0.1:9000"}).public_url == "http://127.0.0.1:9000"
        assert load({"PORTAL_BIND": "[::1]:9000"}).public_url == "http://[::1]:9000"

    def test_listening_elsewhere_needs_a_public_address(self) -> None:
        [sentence] = faults({"PORTAL_BIND": "0.0.0.0:8000"})
        assert sentence.startswith("PORTAL_PUBLIC_URL: is required")
        load({"PORTAL_BIND": "0.0.0.0:8000", "PORTAL_PUBLIC_URL": "https://tv.example.com"})

    def test_a_faulty_setting_does_not_hide_the_fault_of_another(self) -> None:
        reported = faults({"PORTAL_BIND": "0.0.0.0:8000", "PORTAL_WORKERS": "x"})
        assert {sentence.partition(":")[0] for sentence in reported} == {
            "PORTAL_PUBLIC_URL",
            "PORTAL_WORKERS",
        }


class TestRulesBetweenSettings:
    """Settings that are right alone and wrong together."""

    def test_calls_in_flight_must_leave_threads_for_pages(self) -> None:
        [sentence] = faults({"PORTAL_THREADS": "16", "PORTAL_ZYPE_CONCURRENCY": "16"})
        assert sentence.startswith("PORTAL_ZYPE_CONCURRENCY: must be smaller than PORTAL_THREADS")

    def test_metrics_must_not_be_where_the_pages_are(self) -> None:
        [sentence] = faults({"PORTAL_METRICS_BIND": "127.0.0.1:8000"})
        assert sentence.startswith("PORTAL_METRICS_BIND: must differ from PORTAL_BIND")

    def test_upper_case_pins_need_a_pattern_of_their_own(self) -> None:
        [sentence] = faults({"PORTAL_PIN_CASE": "upper"})
        assert sentence.startswith("PORTAL_PIN_PATTERN: ")
        rules = load({"PORTAL_PIN_CASE": "upper", "PORTAL_PIN_PATTERN": "[A-Z0-9]{6}"}).pin_rules
        assert rules.normalise("abc-123").secret == "ABC123"

    @pytest.mark.parametrize("missing", STAFF_OIDC)
    def test_the_staff_s_provider_is_named_whole_or_not_at_all(self, missing: str) -> None:
        assert faults(COMPANIONS[missing]) == [
            f"{variable(missing)}: is required when any other PORTAL_STAFF_OIDC_ credential is set"
        ]
        load(COMPANIONS[missing] | {variable(missing): GOOD[missing][0]})

    def test_the_roles_alone_name_no_provider(self) -> None:
        load({"PORTAL_STAFF_OIDC_AGENT_ROLE": "support", "PORTAL_STAFF_OIDC_ROLE_CLAIM": "groups"})

    @pytest.mark.parametrize(
        "roles",
        [
            {"PORTAL_STAFF_OIDC_AGENT_ROLE": "supervisor"},
            {"PORTAL_STAFF_OIDC_SUPERVISOR_ROLE": "agent"},
            {"PORTAL_STAFF_OIDC_AGENT_ROLE": "support", "PORTAL_STAFF_OIDC_SUPERVISOR_ROLE": "support"},
        ],
        ids=str,
    )
    def test_agents_and_supervisors_have_roles_of_their_own(self, roles: dict[str, str]) -> None:
        [sentence] = faults(roles)
        assert sentence == "PORTAL_STAFF_OIDC_SUPERVISOR_ROLE: must differ from PORTAL_STAFF_OIDC_AGENT_ROLE"

    def test_live_mail_says_from_whom_it_is(self) -> None:
        server = {"PORTAL_SMTP_URL": "smtp://mail.example.com:587"}
        [sentence] = faults(LIVE | server)
        assert sentence.startswith("PORTAL_MAIL_FROM: is required with PORTAL_SMTP_URL")
        load(LIVE | server | {"PORTAL_MAIL_FROM": "support@example.com"})
        load(server)


class TestSettings:
    """What the rest of the portal reads."""

    def test_they_are_frozen(self) -> None:
        with pytest.raises(ValidationError):
            load({}).workers = 3

    @pytest.mark.parametrize("show", [str, repr], ids=["str", "repr"])
    def test_they_never_print_a_secret(self, show: Callable[[object], str]) -> None:
        settings = load({variable(name): value for name, (value, _) in GOOD.items()})
        for secret in settings.secret_values:
            assert secret not in show(settings)

    def test_the_secrets_that_are_set_are_listed_for_redaction(self) -> None:
        given = {variable(name): GOOD[name][0] for name in SECRETS}
        settings = load(COMPANIONS["staff_oidc_client_secret"] | given)
        assert set(settings.secret_values) == {GOOD[name][0] for name in SECRETS}
        without = {name for name in SECRETS if getattr(load({}), name) is None}
        assert len(load({}).secret_values) == len(SECRETS) - len(without)
        assert {"redis_url", "staff_oidc_client_secret"} < without < set(SECRETS)

    def test_every_hidden_setting_is_a_secret(self) -> None:
        hidden = {name for name in NAMES if "SecretStr" in str(Settings.model_fields[name].annotation)}
        assert hidden == set(SECRETS)

    def test_a_call_to_zype_ends_half_a_second_after_the_read_time_out(self) -> None:
        assert load({"PORTAL_ZYPE_READ_TIMEOUT": "2"}).zype_deadline == 2.5

    @pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
    def test_they_know_whether_calls_leave_through_a_proxy(self, name: str) -> None:
        assert load({name: "http://127.0.0.1:3128"}).outbound_proxy
        assert not load({name: ""}).outbound_proxy

    def test_each_process_that_is_given_no_key_makes_its_own(self) -> None:
        assert load({}).secret_key != load({}).secret_key
