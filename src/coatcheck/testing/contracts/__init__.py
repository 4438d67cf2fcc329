"""How do I prove my store?  Subclass ``StoreContract``, give it a ``store``, and pytest checks every law of the port.

    class TestMyStore(StoreContract):
        @pytest.fixture
        def store(self):
            store = MyStore()
            asyncio.run(store.open())
            yield store
            asyncio.run(store.close())

The store must be empty. Give it a ``twin`` as well where two objects can share the same data: races are then run
between the two. pytest is needed; no plugin is.
"""

from coatcheck.testing.contracts.attempts import AttemptsContract
from coatcheck.testing.contracts.audit import AuditContract
from coatcheck.testing.contracts.keys import KeysContract
from coatcheck.testing.contracts.log import LogContract
from coatcheck.testing.contracts.look_up import LookUpContract
from coatcheck.testing.contracts.registry import RegistryContract
from coatcheck.testing.contracts.services import ServicesContract
from coatcheck.testing.contracts.session_data import SessionDataContract
from coatcheck.testing.contracts.sessions import SessionsContract
from coatcheck.testing.contracts.snapshot import SnapshotContract
from coatcheck.testing.contracts.users import UsersContract
from coatcheck.testing.contracts.work import WorkContract

__all__ = ["StoreContract"]


class StoreContract(
    WorkContract,
    UsersContract,
    ServicesContract,
    SessionsContract,
    SessionDataContract,
    LookUpContract,
    KeysContract,
    LogContract,
    SnapshotContract,
    AttemptsContract,
    AuditContract,
    RegistryContract,
):
    """Every law of ``coatcheck.stores.port``, and every edge of every verb."""
