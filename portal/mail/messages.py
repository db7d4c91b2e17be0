"""The email that tells a viewer what was done with their TVs, in their language; it never holds a PIN."""

from datetime import UTC, datetime
from email.utils import format_datetime
from functools import cache

from babel import Locale
from babel.dates import format_date, format_time, get_datetime_format
from babel.support import Translations
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined

from portal.domain.errors import PortalError
from portal.mail.headers import mailbox_field, text_field
from portal.mail.outbox import Notice
from portal.mail.written import WrittenMessage, written
from portal.settings.email_addresses import split_email
from portal.settings.package_data import TRANSLATIONS, data_dir, languages
from portal.settings.settings import Settings


class NoAddress(PortalError):
    """Zype has no email address for a viewer, or one that no mail can be sent to."""


class MessageWriter:
    """Writes the message for a notice, with the brand, templates and default language of the settings."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        overrides = [FileSystemLoader(settings.overrides_dir / "templates")] if settings.overrides_dir else []
        self._loader = ChoiceLoader([*overrides, FileSystemLoader(data_dir("templates"))])
        self._templates = cache(self._environment)

    def write(self, notice: Notice, email: str, language: str | None = None) -> WrittenMessage:
        """Return the whole message.

        Args:
            email: the viewer's, as Zype has it, unchecked.
            language: that the viewer last used here, if any.

        Raises:
            NoAddress: the email is not an address.
            jinja2.TemplateError: one of the operator's own templates has a fault.
        """
        to = parse_address(email)
        language = language if language in languages() else self._settings.language
        subject, text = self._text(notice, language)
        sender = self._settings.mail_from
        domain = sender.rpartition("@")[2]
        fields = (
            mailbox_field("From", _single_line(self._settings.brand_name), sender),
            f"To: {to}",
            text_field("Subject", subject),
            f"Date: {format_datetime(datetime.now(UTC))}",
            # The same for each try: if a crash sends it twice, mail programs show one.
            f"Message-ID: <{_message_id(notice)}@{domain}>",
            "Auto-Submitted: auto-generated",
            f"Content-Language: {language}",
        )
        return written(sender, to, fields, text)

    def _text(self, notice: Notice, language: str) -> tuple[str, str]:
        """Return subject and text: the template's first line, and what follows the empty line after it."""
        locale = Locale.parse(language, sep="-")
        at = notice.at.astimezone(UTC)
        template = self._templates(language).get_template(f"mail/{notice.kind}.txt")
        rendered = template.render(
            brand_name=self._settings.brand_name,
            public_url=self._settings.public_url,
            support_url=(self._settings.brand_support_url or "").removeprefix("mailto:"),
            tv_name=_single_line(notice.tv_name or ""),
            time=_time(at, locale),
        )
        subject, _, text = rendered.strip().partition("\n")
        return _single_line(subject), text.strip() + "\n"

    def _environment(self, language: str) -> Environment:
        environment = Environment(
            loader=self._loader,
            extensions=["jinja2.ext.i18n"],
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            # The message is plain text.
            autoescape=False,  # noqa: S701
        )
        translations = Translations.load(str(TRANSLATIONS), [language.replace("-", "_")])
        environment.install_gettext_translations(translations, newstyle=True)  # type: ignore[attr-defined]
        return environment


def _time(at: datetime, locale: Locale) -> str:
    """Return a date and a time of day as a language writes them, without seconds, which Babel's own long form has."""
    pattern = str(get_datetime_format("long", locale))
    return f"{pattern.format(format_time(at, 'short', UTC, locale), format_date(at, 'long', locale))} UTC"


def _message_id(notice: Notice) -> str:
    """Return what no other notice has; an attempt may have one of each kind in turn, once it was resolved."""
    return f"{notice.attempt_id}.unknown" if notice.is_of_unknown else notice.attempt_id


def _single_line(text: str) -> str:
    """Return a text without line breaks and invisible characters."""
    return "".join(character for character in " ".join(text.split()) if character.isprintable())


def parse_address(email: str) -> str:
    """Return an email address from Zype for a message's header; a domain that is not ASCII is encoded by IDNA.

    Raises:
        NoAddress: it is not exactly one address, or one that no mail can reach. The text does not hold it.
    """
    try:
        return "@".join(split_email(email.strip(" ")))
    except ValueError:
        # Its text may hold the address.
        raise NoAddress("it is no plain email address") from None
