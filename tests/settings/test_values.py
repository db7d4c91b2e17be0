"""Each setting by itself: the values that it takes and refuses, and that no value is ever shown."""

import errno
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from portal.domain.errors import SettingsError
from portal.settings.environment import variable
from portal.settings.loading import load
from portal.settings.rules import OIDC_CREDENTIALS
from portal.settings.settings import NAMES, SECRETS, Settings
from tests.settings.conftest import FaultsOf
from tests.settings.samples import INVALID, KEY, LEAK, UNREADABLE, VALID

# These are required together.
OIDC = {variable(name): VALID[name][0] for name in OIDC_CREDENTIALS}
NEEDED = {
    **dict.fromkeys(OIDC_CREDENTIALS, OIDC),
    "public_url": {"PORTAL_SANDBOX_PUBLIC": "yes"},
    "brand_logo_dark": {"PORTAL_BRAND_LOGO": __file__},
}


def environment_with(name: str, value: str) -> dict[str, str]:
    """Return an environment in which a setting has a value, and whatever that needs."""
    return NEEDED.get(name, {}) | {variable(name): value}


def test_every_setting_has_samples() -> None:
    assert VALID.keys() == INVALID.keys() == set(NAMES)


def test_each_setting_takes_a_valid_value() -> None:
    loaded = {name: getattr(load(environment_with(name, text)), name) for name, (text, _) in VALID.items()}
    assert loaded == {name: value for name, (_, value) in VALID.items()}


def test_an_invalid_value_is_explained_and_never_shown(faults_of: FaultsOf) -> None:
    for name, values in INVALID.items():
        for value in values:
            faults = faults_of({variable(name): value})
            assert [*faults] == [variable(name)], f"{name} = {value!r}"
            assert len(faults[variable(name)]) > 15, f"{name} = {value!r}"
            assert not LEAK.search(faults[variable(name)]), f"{name} = {value!r}"


def test_all_faults_are_reported_at_once(faults_of: FaultsOf) -> None:
    environ = {variable(name): values[0] for name, values in INVALID.items()} | {"PORTAL_ZYPE_API_KY": "xyzzy"}
    faults = faults_of(environ)
    assert faults.keys() == environ.keys()
    assert not LEAK.search(" ".join(faults.values()))


def test_the_error_joins_the_faults_for_the_log() -> None:
    with pytest.raises(SettingsError, match=r"PORTAL_BIND: .+; PORTAL_WORKERS: ") as caught:
        load({"PORTAL_BIND": "xyzzy", "PORTAL_WORKERS": "xyzzy"})
    assert not LEAK.search(str(caught.value))


def test_an_empty_value_counts_as_not_set() -> None:
    for empty in ("", " ", "\n"):
        environ = {variable(name): empty for name in NAMES}
        assert load(environ).model_fields_set == load({}).model_fields_set


def test_white_space_around_a_value_is_dropped() -> None:
    assert load({"PORTAL_ZYPE_API_KEY": " made-up-key\n"}).zype_api_key.get_secret_value() == "made-up-key"


def test_bytes_that_are_not_utf_8_are_refused(faults_of: FaultsOf) -> None:
    latin_1 = b"Fernsehen f\xfcr xyzzy".decode("utf-8", "surrogateescape")
    given = dict.fromkeys(map(variable, NAMES), latin_1)
    assert faults_of(given) == dict.fromkeys(given, "is not in UTF-8")


def test_an_unknown_name_is_refused(faults_of: FaultsOf) -> None:
    unknown = ("PORTAL_ZYPE_API_KY", "PORTAL_", "PORTAL_mode", "PORTAL_OUTBOUND_PROXY", "PORTAL_MODE_FILE")
    faults = faults_of(dict.fromkeys(unknown, "xyzzy"))
    assert faults == dict.fromkeys(unknown, "no such setting; look for a typing error")


def test_what_platforms_call_postgresql_means_psycopg() -> None:
    for scheme in ("postgres", "postgresql", "postgresql+psycopg"):
        url = load({"PORTAL_DATABASE_URL": f"{scheme}://u:p%40ss@db.example:5432/tv?sslmode=require"}).database_url
        assert url.get_secret_value() == "postgresql+psycopg://u:p%40ss@db.example:5432/tv?sslmode=require"


def test_a_password_with_a_raw_at_sign_is_named_as_the_fault(faults_of: FaultsOf) -> None:
    faults = faults_of({"PORTAL_DATABASE_URL": "postgresql://u:Top@Secret9@127.0.0.1/tv"})
    assert faults == {"PORTAL_DATABASE_URL": "must have %40 instead of each @ in the password"}


def test_a_client_that_is_not_installed_is_named_with_its_extra(
    faults_of: FaultsOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value, module, extra in (
        ("PORTAL_DATABASE_URL", "postgresql://u@db.example/tv", "psycopg", "postgres"),
        ("PORTAL_REDIS_URL", "redis://cache.example", "redis", "redis"),
    ):
        monkeypatch.setitem(sys.modules, module, None)
        [fault] = faults_of({name: value}).values()
        assert fault.startswith(f"needs the package {module}, which is not installed"), name
        assert f"pip install '.[{extra}]'" in fault, name


def test_other_variables_are_ignored() -> None:
    load({"PATH": "/bin", "PORTAL": "x", "portal_MODE": "x", "MY_PORTAL_MODE": "x", "PORTAL_REQUIRE": "1"})


class TestSecretFiles:
    """Each secret can be in a file that PORTAL_…_FILE names."""

    def test_each_secret_is_read_from_its_file(self, tmp_path: Path) -> None:
        file = tmp_path / "secret"
        for name in SECRETS:
            text, value = VALID[name]
            file.write_text(f"{text}\n", encoding="utf-8")
            environ = OIDC | {f"{variable(name)}_FILE": str(file)}
            environ.pop(variable(name), None)
            assert getattr(load(environ), name) == value, name

    def test_a_file_and_a_value_together_are_refused(self, tmp_path: Path, faults_of: FaultsOf) -> None:
        file = tmp_path / "secret"
        file.write_text(KEY, encoding="utf-8")
        for name in SECRETS:
            both = environment_with(name, VALID[name][0]) | {f"{variable(name)}_FILE": str(file)}
            expected = {f"{variable(name)}_FILE": "give either this or the plain variable, not both"}
            assert faults_of(both) == expected

    def test_a_byte_order_mark_and_white_space_around_are_no_part_of_it(self, tmp_path: Path) -> None:
        file = tmp_path / "secret"
        file.write_bytes(b"\xef\xbb\xbf" + f"{KEY}\r\n\n".encode())
        assert load({"PORTAL_SECRET_KEY_FILE": str(file)}).secret_key.get_secret_value() == KEY

    def test_a_file_that_can_not_be_read_is_a_fault(self, tmp_path: Path, faults_of: FaultsOf) -> None:
        for number, (content, fault) in enumerate(UNREADABLE):
            file = tmp_path / f"xyzzy{number}"
            file.write_bytes(content)
            faults = faults_of({"PORTAL_SECRET_KEY_FILE": str(file)})
            assert faults == {"PORTAL_SECRET_KEY_FILE": f"the file that it names {fault}"}
        for path, fault in (
            (str(tmp_path / "missing"), "does not exist"),
            (str(tmp_path), "is a folder, and has to be a file"),
            ("xyzzy\x00", "can't be read: no such name"),
            (f"{file}/xyzzy", "can't be read: not a directory"),
            ("/dev/zero", "is too large for a file of settings"),
        ):
            faults = faults_of({"PORTAL_SECRET_KEY_FILE": path})
            assert faults == {"PORTAL_SECRET_KEY_FILE": f"the file that it names {fault}"}

    def test_a_file_of_another_account_is_a_fault(self, faults_of: FaultsOf, monkeypatch: pytest.MonkeyPatch) -> None:
        # Root may read every file, so no mode of a file will do.
        def refuse(*_: object) -> None:
            raise PermissionError(errno.EACCES, "xyzzy")

        monkeypatch.setattr(Path, "open", refuse)
        faults = faults_of({"PORTAL_SECRET_KEY_FILE": "xyzzy"})
        assert faults == {"PORTAL_SECRET_KEY_FILE": "the file that it names can't be read: permission denied"}

    def test_an_empty_file_is_a_fault(self, tmp_path: Path, faults_of: FaultsOf) -> None:
        file = tmp_path / "secret"
        file.write_text("\n", encoding="utf-8")
        faults = faults_of({"PORTAL_ZYPE_API_KEY_FILE": str(file)})
        assert faults == {"PORTAL_ZYPE_API_KEY_FILE": "the file that it names is empty"}

    def test_an_empty_variable_and_a_file_are_no_fault(self, tmp_path: Path) -> None:
        file = tmp_path / "secret"
        file.write_text(KEY, encoding="utf-8")
        settings = load({"PORTAL_SECRET_KEY": "", "PORTAL_SECRET_KEY_FILE": str(file)})
        assert settings.secret_key.get_secret_value() == KEY


class TestSettings:
    """What the rest of the portal relies on."""

    def test_they_are_frozen(self) -> None:
        with pytest.raises(ValidationError):
            load({}).workers = 3

    def test_they_never_print_a_secret(self) -> None:
        # Only one of the keys for a hand-off can be set, and the two origins need the same scheme.
        excluded = ("handoff_jwks_url", "staff_url")
        given = {name: text for name, (text, _) in VALID.items() if name not in excluded}
        settings = load({variable(name): text for name, text in given.items()})
        assert len(settings.secret_values) == len(SECRETS)
        for secret in settings.secret_values:
            assert secret not in f"{settings} {settings!r}"

    def test_the_secrets_that_are_set_are_listed_for_redaction(self) -> None:
        settings = load(OIDC | {variable(name): VALID[name][0] for name in SECRETS})
        assert set(settings.secret_values) == {VALID[name][0] for name in SECRETS}
        not_set = {name for name in SECRETS if getattr(load({}), name) is None}
        assert len(load({}).secret_values) == len(SECRETS) - len(not_set)
        assert {"redis_url", "staff_oidc_client_secret"} < not_set < set(SECRETS)

    def test_every_secret_type_is_listed_as_a_secret(self) -> None:
        hidden = {name for name in NAMES if "SecretStr" in str(Settings.model_fields[name].annotation)}
        assert hidden == set(SECRETS)

    def test_a_call_to_zype_ends_half_a_second_after_the_read_timeout(self) -> None:
        assert load({"PORTAL_ZYPE_READ_TIMEOUT": "2"}).zype_deadline == 2.5

    @pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
    def test_they_know_whether_requests_leave_through_a_proxy(self, name: str) -> None:
        assert load({name: "http://127.0.0.1:3128"}).outbound_proxy
        assert not load({name: ""}).outbound_proxy

    def test_a_process_without_a_secret_key_makes_its_own(self) -> None:
        assert load({}).secret_key != load({}).secret_key
