"""The settings: typed and frozen, with their defaults."""

import re
import secrets
from typing import Any, Literal

from limits import parse
from pydantic import BaseModel, ConfigDict, DirectoryPath, Field, FilePath, SecretStr, model_validator

from portal.domain.pins import PinCase, PinRules
from portal.settings import types
from portal.settings.addresses import is_loopback, is_loopback_url, plain_smtp_address, sandbox_smtp_url, split_bind

DEFAULT_BIND = "127.0.0.1:8000"
# The keys of the sandbox: the Admin key, and that of an app, such as its TV.
SANDBOX_API_KEY, SANDBOX_APP_KEY = "sandbox-api-key", "sandbox-app-key"
SANDBOX_URL = "http://127.0.0.1:8001"
# Of the video service that the sandbox plays: known to everybody, like its passwords.
SANDBOX_HANDOFF_ISSUER = "sandbox-video-service"
SANDBOX_HANDOFF_KEY = "sandbox-handoff-key-that-everybody-knows"


class Settings(BaseModel):
    """The portal's settings, one field for each PORTAL_* variable; docs/settings.md says what each is for.

    Times are in seconds. Counts are per worker, unless docs/settings.md says otherwise. The Zype credentials that are
    defaults here open the sandbox and nothing else: live mode refuses them.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        arbitrary_types_allowed=True,
        hide_input_in_errors=True,
        validate_default=True,
    )

    mode: Literal["sandbox", "live"] = "sandbox"
    sandbox_public: Literal["no", "yes"] = "no"
    secret_key: types.Key = Field(default_factory=lambda: SecretStr(secrets.token_hex(32)))
    secret_key_previous: types.Key | None = None
    ledger_key: types.Key | None = None
    ledger_key_previous: types.Key | None = None
    language: types.Language = "en"
    bind: types.Bind = DEFAULT_BIND
    metrics_bind: types.Bind | None = None
    drain_seconds: float = Field(default=0, ge=0, le=300)
    workers: int = Field(default=2, ge=1, le=64)
    threads: int = Field(default=32, ge=2, le=256)
    public_url: types.Origin = f"http://{DEFAULT_BIND}"
    staff_url: types.Origin | None = None
    proxy_hops: int = Field(default=0, ge=0, le=10)
    zype_api_url: types.ZypeURL = SANDBOX_URL
    zype_login_url: types.ZypeURL = SANDBOX_URL
    zype_api_key: types.Credential | None = SecretStr(SANDBOX_API_KEY)
    zype_app_key: types.Credential | None = None
    zype_client_id: types.ClientID = "sandbox-client"
    zype_client_secret: types.Credential = SecretStr("sandbox-client-secret")
    zype_connect_timeout: float = Field(default=3.0, gt=0, le=30)
    zype_read_timeout: float = Field(default=8.0, gt=0, le=60)
    zype_concurrency: int = Field(default=16, ge=1, le=255)
    sign_in: types.SignInMethods = ("password",)
    handoff_key: types.Key | None = None
    handoff_jwks_url: types.WebLink | None = None
    handoff_issuer: types.HandoffIssuer | None = None
    handoff_url: types.WebLink | None = None
    database_url: types.DatabaseURL = SecretStr("sqlite:///zype-activate.db")
    redis_url: types.RedisURL | None = None
    pin_case: PinCase = "lower"
    pin_pattern: types.Pattern = re.compile("[a-z0-9]{4,16}")
    ticket_pattern: types.Pattern = re.compile("[A-Za-z0-9#][A-Za-z0-9._/#-]{0,59}")
    staff_oidc_issuer: types.Issuer | None = None
    staff_oidc_client_id: types.ClientID | None = None
    staff_oidc_client_secret: types.Credential | None = None
    staff_oidc_role_claim: types.Role = "roles"
    staff_oidc_agent_role: types.Role = "agent"
    staff_oidc_supervisor_role: types.Role = "supervisor"
    staff_oidc_acr: types.Tokens = ()
    staff_oidc_amr: types.Tokens = ()
    smtp_url: types.SMTPURL | None = None
    mail_from: types.EmailAddress = "support@example.invalid"
    brand_name: types.Name = "Zype Activate"
    brand_logo: FilePath | None = None
    brand_logo_dark: FilePath | None = None
    brand_icon: types.Icon | None = None
    brand_accent: types.Color = "#1f5eff"
    brand_support_url: types.Link | None = None
    brand_terms_url: types.Link | None = None
    brand_privacy_url: types.Link | None = None
    brand_forgotten_password_url: types.WebLink | None = None
    brand_sign_up_url: types.WebLink | None = None
    overrides_dir: DirectoryPath | None = None
    limit_viewer: types.Limits = (parse("5/15minutes"), parse("20/day"))
    limit_agent: types.Limits = (parse("60/day"),)
    limit_lookup: types.Limits = (parse("200/day"),)
    limit_address: types.Limits = (parse("200/15minutes"),)
    limit_sign_in: types.Limits = (parse("10/15minutes"),)
    limit_flood: types.Limits = (parse("6000/minute"),)
    # Not a setting: whether the environment names a proxy for requests that leave this machine.
    outbound_proxy: bool = Field(default=False, exclude=True)

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, raw: dict[str, Any]) -> dict[str, Any]:
        """Fill in the defaults that depend on another setting."""
        filled = dict(raw)
        bind = raw.get("bind", DEFAULT_BIND)
        if "zype_app_key" in raw:
            filled.setdefault("zype_api_key", None)
        if raw.get("mode") == "live":
            filled.setdefault("zype_api_url", "https://api.zype.com")
            filled.setdefault("zype_login_url", "https://login.zype.com")
        else:
            filled.setdefault("zype_login_url", raw.get("zype_api_url", SANDBOX_URL))
            # Elsewhere the site would be plain http, which this setting takes on loopback alone.
            if is_loopback_url(raw.get("zype_api_url", SANDBOX_URL)):
                filled.setdefault("handoff_url", f"{raw.get('zype_api_url', SANDBOX_URL).rstrip('/')}/video-service")
            filled.setdefault("handoff_issuer", SANDBOX_HANDOFF_ISSUER)
            if "handoff_jwks_url" not in raw:
                filled.setdefault("handoff_key", SANDBOX_HANDOFF_KEY)
            filled.setdefault("smtp_url", sandbox_smtp_url(raw.get("zype_api_url", SANDBOX_URL)))
            if is_loopback(split_bind(bind)[0]):
                filled.setdefault("public_url", f"http://{bind}")
        return filled

    @property
    def pin_rules(self) -> PinRules:
        """What a PIN of this operator looks like."""
        return PinRules(self.pin_case, self.pin_pattern, self.public_url)

    @property
    def has_console(self) -> bool:
        """Whether there is a console for support staff: finding a viewer takes the Admin key."""
        return self.zype_api_key is not None

    @property
    def sends_password_mails(self) -> bool:
        """Whether viewers have a password at Zype, and the operator has no page of their own to set a new one."""
        return "password" in self.sign_in and self.brand_forgotten_password_url is None

    @property
    def console_url(self) -> str:
        """The origin at which support staff reach the console."""
        return self.staff_url or self.public_url

    @property
    def is_https(self) -> bool:
        """Whether viewers reach the portal by https, so that cookies can be limited to it."""
        return self.public_url.startswith("https://")

    def cookie_name(self, name: str) -> str:
        """Return the name of a cookie: with https it has the prefix with which browsers let no other host set it."""
        return f"__Host-{name}" if self.is_https else name

    @property
    def zype_deadline(self) -> float:
        """Seconds that one call to Zype may take in all, however slowly the answer arrives."""
        return self.zype_read_timeout + 0.5

    @property
    def sandbox_mail_address(self) -> tuple[str, int] | None:
        """Where the sandbox takes mail: at PORTAL_SMTP_URL, unless that needs TLS or a sign-in, or is elsewhere."""
        if self.mode != "sandbox" or self.smtp_url is None:
            return None
        return plain_smtp_address(self.smtp_url.get_secret_value())

    @property
    def secret_values(self) -> tuple[str, ...]:
        """Every secret in the clear, for the redaction of log lines."""
        values = (getattr(self, name) for name in SECRETS)
        return tuple(value.get_secret_value() for value in values if value)


SECRETS = (
    "secret_key",
    "secret_key_previous",
    "ledger_key",
    "ledger_key_previous",
    "zype_api_key",
    "zype_app_key",
    "zype_client_secret",
    "handoff_key",
    "staff_oidc_client_secret",
    "smtp_url",
    "database_url",
    "redis_url",
)
NAMES = tuple(name for name, field in Settings.model_fields.items() if not field.exclude)
