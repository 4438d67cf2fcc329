"""A unit of work's faces over one connection."""

from sqlalchemy import Connection

from coatcheck.stores.sql.attempts import SqlAttempts
from coatcheck.stores.sql.audit import SqlAudit
from coatcheck.stores.sql.keys import SqlKeys
from coatcheck.stores.sql.log import SqlLog
from coatcheck.stores.sql.services import SqlServices
from coatcheck.stores.sql.sessions import SqlSessions
from coatcheck.stores.sql.users import SqlUsers


class SqlTransaction:
    """See ``stores.port.Transaction``. Whoever makes it begins and commits."""

    __slots__ = ("attempts", "audit", "keys", "log", "services", "sessions", "users")

    def __init__(self, connection: Connection) -> None:
        self.users = SqlUsers(connection)
        self.services = SqlServices(connection)
        self.sessions = SqlSessions(connection)
        self.keys = SqlKeys(connection)
        self.log = SqlLog(connection)
        self.attempts = SqlAttempts(connection)
        self.audit = SqlAudit(connection)
