"""Why PostgreSQL can't be reached, in words that name no host, user or password."""

import re

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from portal.database.engine import describe

# libpq gives no code where a connection fails, so its English words decide. In another language, its own are shown.
_REASONS = {
    r"password authentication failed|no password supplied|role \"[^\"]*\" (?:does not exist|is not permitted)"
    r"|no such user|auth failed|SASL authentication failed": "it refuses the user name or the password",
    r"(?:SSL|TLS)[^\n]*(?:certificate|not match|unsupported|handshake|alert|error)|certificate verify failed"
    r"|root certificate|SSL was required|server certificate": "TLS fails: it offers no TLS, or its certificate is not "
    "trusted or not for this name; compare sslmode and sslrootcert in PORTAL_DATABASE_URL",
    r"no pg_hba\.conf entry|pg_hba\.conf rejects": "it lets nobody in from our address with this user name and "
    "database; see its pg_hba.conf, which may ask for TLS (sslmode)",
    r"database \"[^\"]*\" does not exist|no such database": "it has no database of that name",
    r"startup parameter": "the pooler refuses the options in PORTAL_DATABASE_URL",
    r"too many (?:clients|connections)|connection slots|no more connections": "it has no connection left; see "
    "max_connections, and the pool size of a pooler",
    r"failed to resolve host|could not translate host name|[Nn]ame or service not known": "unreachable: its host name "
    "is not known to the name servers of this machine",
    r"Connection refused": "unreachable: nothing listens at its host and port",
    r"timeout expired|timed out|No route to host|[Uu]nreachable": "unreachable: it does not answer in time, or a "
    "firewall is in between",
    r"server closed the connection|Connection reset": "it closes the connection: is it PostgreSQL that listens there?",
}
# How libpq begins: with the host, its address and the port.
_WHERE = re.compile(r"(?:connection failed: )?connection to server at [^\n]*? failed: ")


def reason(error: SQLAlchemyError) -> str:
    """Return why the database can't be used: what to look at, or else its own message without the statement."""
    if is_of_connection(error):
        text = str(error)
        for pattern, sentence in _REASONS.items():
            if re.search(pattern, text):
                return sentence
    return _WHERE.sub("", describe(error))


def is_of_connection(error: SQLAlchemyError) -> bool:
    """Tell whether no connection could be made: a statement was sent over any other, and has a code."""
    if not isinstance(error, DBAPIError):
        return False
    return error.statement is None and getattr(error.orig, "sqlstate", None) is None
