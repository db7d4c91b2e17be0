"""Typed, frozen settings from PORTAL_* variables: every fault reported at once, and no value ever shown."""

import re
import secrets
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from limits import parse
from pydantic import (
    BaseModel,
    ConfigDict,
    DirectoryPath,
    Field,
    FilePath,
    SecretStr,
    ValidationError,
    model_validator,
)

from portal.errors import SettingsError
from portal.pins import PinCase, PinRules
from portal.setting_types import (
    URL,
    Accent,
    Bind,
    DatabaseURL,
    Key,
    Language,
    Limits,
    Link,
    Origin,
    Pattern,
    Providers,
    is_loopback,
)

PREFIX = "PORTAL_"
# The switch by which the test suite fails where it would skip is no setting, but shares the prefix.
NOT_SETTINGS = frozenset({"PORTAL_REQUIRE"})
SANDBOX_URL = "http://127.0.0.1:8001"


class Settings(BaseModel):
    """The portal's settings, one field a PORTAL_* variable; docs/settings.md says what each is for.

    Seconds are seconds of a clock, counts are a worker's own unless they say otherwise. The Zype
    credentials that stand here as defaults open the sandbox and nothing else: live mode refuses them.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        arbitrary_types_allowed=True,
        hide_input_in_errors=True,
        validate_default=True,
    )

    mode: Literal["sandbox", "live"] = "sandbox"
    secret_key: Key = Field(default_factory=lambda: SecretStr(secrets.token_hex(32)))
    secret_key_previous: Key | None = None
    ledger_key: Key | None = None
    language: Language = "en"
    bind: Bind = "127.0.0.1:8000"
    metrics_bind: Bind | None = None
    workers: int = Field(default=2, ge=1, le=64)
    threads: int = Field(default=32, ge=2, le=256)
    public_url: Origin = "http://127.0.0.1:8000"
    proxy_hops: int = Field(default=0, ge=0, le=10)
    zype_api_url: URL = SANDBOX_URL
    zype_login_url: URL = SANDBOX_URL
    zype_api_key: SecretStr = SecretStr("sandbox-api-key")
    zype_client_id: str = "sandbox-client"
    zype_client_secret: SecretStr = SecretStr("sandbox-client-secret")
    zype_connect_timeout: float = Field(default=3.0, gt=0, le=30)
    zype_read_timeout: float = Field(default=8.0, gt=0, le=60)
    zype_concurrency: int = Field(default=16, ge=1, le=255)
    sign_in: Providers = ("password",)
    database_url: DatabaseURL = SecretStr("sqlite:///zype-activate.db")
    redis_url: SecretStr | None = None
    pin_case: PinCase = "lower"
    pin_pattern: Pattern = re.compile("[a-z0-9]{4,16}")
    brand_name: str = Field(default="Zype Activate", min_length=1, max_length=60)
    brand_logo: FilePath | None = None
    brand_accent: Accent = "#1f5eff"
    brand_support_url: Link | None = None
    brand_terms_url: Link | None = None
    brand_privacy_url: Link | None = None
    overrides_dir: DirectoryPath | None = None
    limit_viewer: Limits = (parse("5/15minutes"), parse("20/day"))
    limit_address: Limits = (parse("200/15minutes"),)
    limit_sign_in: Limits = (parse("10/15minutes"),)
    limit_flood: Limits = (parse("6000/minute"),)
    # No setting of ours: whether the environment names a proxy for requests that leave the machine.
    outbound_proxy: bool = Field(default=False, exclude=True)

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, raw: dict[str, Any]) -> dict[str, Any]:
        """Fill in the defaults that depend on another setting."""
        filled = dict(raw)
        if raw.get("mode") == "live":
            filled.setdefault("zype_api_url", "https://api.zype.com")
            filled.setdefault("zype_login_url", "https://login.zype.com")
        else:
            filled.setdefault("zype_login_url", raw.get("zype_api_url", SANDBOX_URL))
            filled.setdefault("public_url", f"http://{raw.get('bind', '127.0.0.1:8000')}")
        return filled

    @property
    def pin_rules(self) -> PinRules:
        """How the operator's PINs look."""
        return PinRules(self.pin_case, self.pin_pattern)

    @property
    def is_https(self) -> bool:
        """Whether viewers reach the portal by https, so that cookies can be kept to it."""
        return self.public_url.startswith("https://")

    @property
    def zype_deadline(self) -> float:
        """Seconds that one call to Zype may take in all, however slowly the answer trickles in."""
        return self.zype_read_timeout + 0.5

    @property
    def secret_values(self) -> tuple[str, ...]:
        """Every secret in the clear, for the one place that takes them out of log lines."""
        values = (getattr(self, name) for name in SECRETS)
        return tuple(value.get_secret_value() for value in values if value)


SECRETS = (
    "secret_key",
    "secret_key_previous",
    "ledger_key",
    "zype_api_key",
    "zype_client_secret",
    "database_url",
    "redis_url",
)
NAMES = tuple(name for name, field in Settings.model_fields.items() if not field.exclude)
REQUIRED_LIVE = (
    "secret_key",
    "public_url",
    "zype_api_key",
    "zype_client_id",
    "zype_client_secret",
)


def load(environ: Mapping[str, str]) -> Settings:
    """Build the settings from an environment.

    Args:
        environ: variables by name; an empty value counts as not set.

    Raises:
        SettingsError: with one sentence for every fault there is. No sentence holds a value.
    """
    raw, faults = _collect(environ)
    bad: set[str] = set()
    try:
        settings = Settings.model_validate(raw)
    except ValidationError as error:
        for fault in error.errors(include_url=False, include_context=False, include_input=False):
            name = str(fault["loc"][0])
            bad.add(name)
            faults.append(f"{PREFIX}{name.upper()}: {_sentence(fault['msg'])}")
        # The faulty ones fall back to their defaults: the rules between settings are judged in the same go.
        settings = Settings.model_validate({k: v for k, v in raw.items() if k not in bad})
    given = raw.keys()
    faults += [f"{PREFIX}{n.upper()}: {text}" for n, text in _rules(settings, given) if n not in bad]
    if faults:
        raise SettingsError(faults)
    return settings


def _collect(environ: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """Return the raw values by field name, and the faults of names and files."""
    raw: dict[str, Any] = {}
    faults = []
    for variable in sorted(environ):
        value = environ[variable]
        name = variable.removeprefix(PREFIX).lower()
        secret = name.removesuffix("_file")
        if not variable.startswith(PREFIX) or variable in NOT_SETTINGS or not value:
            continue
        if name in NAMES:
            raw[name] = value
        elif name.endswith("_file") and secret in SECRETS:
            if environ.get(variable.removesuffix("_FILE")):
                faults.append(f"{variable}: give either this or the plain variable, not both")
            try:
                raw[secret] = Path(value).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError):
                faults.append(f"{variable}: the file that it names can't be read as text")
        else:
            faults.append(f"{variable}: no such setting; look for a typing error")
    proxies = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
    raw["outbound_proxy"] = any(environ.get(name) for name in proxies)
    return raw, faults


def _rules(settings: Settings, given: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield the faults that lie between settings: the name of the one to mend, and how."""
    if settings.mode == "live":
        for name in REQUIRED_LIVE:
            if name not in given:
                yield name, "is required in live mode; set it, or leave PORTAL_MODE at sandbox"
    else:
        for name in ("zype_api_url", "zype_login_url"):
            if not is_loopback(urlsplit(getattr(settings, name)).hostname or ""):
                yield (
                    name,
                    "must stay on this machine in sandbox mode; set PORTAL_MODE=live for Zype",
                )
    if settings.zype_concurrency >= settings.threads:
        yield (
            "zype_concurrency",
            "must be smaller than PORTAL_THREADS, or pages wait when Zype hangs",
        )
    if settings.metrics_bind == settings.bind:
        yield "metrics_bind", "must differ from PORTAL_BIND: metrics are not for the public"


def _sentence(message: str) -> str:
    """Return pydantic's message as the rest of a sentence that starts with the setting's name."""
    text = message.removeprefix("Value error, ")
    return text[:1].lower() + text[1:]
