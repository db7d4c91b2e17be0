"""Writes the mail that lets a viewer know what was done with their TVs, in their language; it never holds a PIN."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from functools import cache

from babel import Locale
from babel.dates import format_date, format_time
from babel.support import Translations
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined

from portal.domain.errors import PortalError
from portal.mail.outbox import Mail
from portal.settings.paths import data_dir
from portal.settings.settings import Settings
from portal.settings.types import LANGUAGES_FOLDER, languages

# Of RFC 5321, section 4.5.3.1.
_LONGEST_LOCAL, _LONGEST_ADDRESS = 64, 254
# What would begin another address, a comment or another header, or end this one.
_SPECIAL = re.compile(r"[\s<>()\[\]\\,;:@\"]")


class NoAddress(PortalError):
    """What Zype has for a viewer's e-mail is no address that a mail can be sent to."""


@dataclass(frozen=True)
class Recipient:
    """Who is told.

    Args:
        email: as Zype has it, unchecked.
        language: that the viewer last used here, if they did.
    """

    email: str
    language: str | None = None


class Letters:
    """Writes the mails.

    Args:
        settings: the brand, the addresses, the operator's own templates and the language of those who chose none.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        theirs = [FileSystemLoader(settings.overrides_dir / "templates")] if settings.overrides_dir else []
        self._loader = ChoiceLoader([*theirs, FileSystemLoader(data_dir("templates"))])
        self._templates = cache(self._environment)

    def write(self, mail: Mail, recipient: Recipient) -> EmailMessage:
        """Return the whole mail.

        Args:
            mail: what it tells of.
            recipient: whom, and how they speak.

        Raises:
            NoAddress: there is nowhere to send it.
            jinja2.TemplateError: a template of the operator's own has a fault.
        """
        to = address_of(recipient.email)
        language = recipient.language if recipient.language in languages() else self._settings.language
        subject, text = self._text(mail, language)
        sender, _, domain = self._settings.mail_from.rpartition("@")
        # Only an address that is not ASCII needs a server that takes those; anything else is encoded.
        message = EmailMessage(policy=policy.SMTP if to.username.isascii() else policy.SMTPUTF8)
        message["From"] = Address(self._settings.brand_name, sender, domain)
        message["To"] = to
        message["Subject"] = subject
        message["Date"] = format_datetime(datetime.now(UTC))
        # The same however often it is sent: where a crash makes it two, mail programs show one.
        message["Message-ID"] = f"<{mail.attempt_id}@{domain}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text)
        message["Content-Language"] = language
        return message

    def _text(self, mail: Mail, language: str) -> tuple[str, str]:
        """Return subject and text: a template's first line, and what follows the empty line after it."""
        locale = Locale.parse(language, sep="-")
        at = mail.at.astimezone(UTC)
        template = self._templates(language).get_template(f"mail/{mail.kind}.txt")
        written = template.render(
            brand_name=self._settings.brand_name,
            public_url=self._settings.public_url,
            support_url=(self._settings.brand_support_url or "").removeprefix("mailto:"),
            tv_name=one_line(mail.tv_name or ""),
            time=f"{format_date(at, 'long', locale)}, {format_time(at, 'short', UTC, locale)} UTC",
        )
        subject, _, text = written.strip().partition("\n")
        return one_line(subject), text.strip() + "\n"

    def _environment(self, language: str) -> Environment:
        """Return the templates in one language."""
        templates = Environment(
            loader=self._loader,
            extensions=["jinja2.ext.i18n"],
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            # The mail is plain text.
            autoescape=False,  # noqa: S701
        )
        words = Translations.load(str(LANGUAGES_FOLDER), [language.replace("-", "_")])
        templates.install_gettext_translations(words, newstyle=True)  # type: ignore[attr-defined]
        return templates


def one_line(text: str) -> str:
    """Return a text without anything that would begin another line, or that can't be seen."""
    return "".join(character for character in " ".join(text.split()) if character.isprintable())


def address_of(email: str) -> Address:
    """Return an e-mail address of Zype's as a mail's header takes it; a domain that is not ASCII as IDNA has it.

    Raises:
        NoAddress: it is not exactly one address, or one that no mail can reach. The text does not hold it.
    """
    local, _, domain = email.strip(" ").rpartition("@")
    if not local or _SPECIAL.search(local) or not local.isprintable() or len(local.encode()) > _LONGEST_LOCAL:
        raise NoAddress("the part before the @")
    try:
        host = domain.encode("idna").decode()
    except UnicodeError:
        # Its text may hold the address.
        raise NoAddress("the part after the @") from None
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?", host) or len(local) + len(host) > _LONGEST_ADDRESS:
        raise NoAddress("the part after the @")
    return Address(username=local, domain=host)
