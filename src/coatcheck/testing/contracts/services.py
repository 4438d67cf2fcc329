"""Every edge of ``tx.services``, and of the sessions that are no logins: API keys, and credentials of services."""

from msgspec import structs

from coatcheck.authority import LookUp
from coatcheck.model.principal import Kind
from coatcheck.model.service import Service, ServiceStatus
from coatcheck.model.session import NEVER, NEVER_IDLE, Ending, Session
from coatcheck.model.user import User, UserStatus
from coatcheck.stores.port import Store, Transaction
from coatcheck.testing.contracts.driving import NOW, Driving, a_service, a_session, a_user

# ruff: noqa: S101 - assert is how a contract speaks


class ServicesContract(Driving):
    """Programs with credentials of their own."""

    def _put(self, store: Store, *records: User | Service | Session) -> None:
        def work(tx: Transaction) -> None:
            for record in records:
                if isinstance(record, User):
                    tx.users.add(record)
                elif isinstance(record, Service):
                    tx.services.add(record)
                else:
                    tx.sessions.add(record)

        self.write(store, work)

    def test_no_service_is_there_at_first(self, store: Store) -> None:
        def ask(tx: Transaction) -> list[object]:
            tx.services.lock("svc_nobody")
            return [
                tx.services.get("svc_x"),
                tx.services.page(),
                tx.services.feeds(),
                tx.services.remove("svc_x"),
                tx.services.save(a_service(), expected_version=1),
                tx.sessions.live_of("svc_x", Kind.SERVICE),
                tx.sessions.live_page(Kind.API_KEY),
            ]

        assert self.write(store, ask) == [None, [], [], False, False, [], []]

    def test_a_service_comes_out_as_it_went_in(self, store: Store) -> None:
        service = a_service(
            name="Łukasz 'quoted' 🦊",
            audiences=("orders", "https://billing.example"),
            scopes=("orders:read", 'a"b'),
            feed=True,
            status=ServiceStatus.SUSPENDED,
            version=7,
        )
        assert self.write(store, lambda tx: tx.services.add(service))
        assert not self.write(store, lambda tx: tx.services.add(service))
        assert self.read(store, lambda tx: tx.services.get(service.id)) == service
        assert self.read(store, lambda tx: tx.services.page()) == [service]
        assert self.write(store, lambda tx: tx.services.remove(service.id))
        assert self.read(store, lambda tx: tx.services.get(service.id)) is None

    def test_of_racing_changes_of_a_service_exactly_one_wins(self, store: Store, twin: Store) -> None:
        service = a_service()
        self.write(store, lambda tx: tx.services.add(service))
        racing = [structs.replace(service, name=str(number), version=2) for number in range(10)]
        won = self.race(
            [store, twin],
            [lambda tx, new=new: tx.services.save(new, expected_version=1) for new in racing],  # type: ignore[misc]
        )
        assert won.count(True) == 1
        assert self.read(twin, lambda tx: tx.services.get(service.id)) == racing[won.index(True)]

    def test_pages_of_services_follow_each_other_and_feeds_are_known(self, store: Store) -> None:
        services = sorted((a_service(feed=number % 2 == 0) for number in range(5)), key=lambda service: service.id)
        self.write(store, lambda tx: [tx.services.add(each) for each in reversed(services)])
        first = self.read(store, lambda tx: tx.services.page(limit=3))
        rest = self.read(store, lambda tx: tx.services.page(after=first[-1].id, limit=3))
        assert [*first, *rest] == services
        assert self.read(store, lambda tx: tx.services.feeds()) == [each for each in services if each.feed]

    def test_a_list_of_logins_holds_no_keys_and_a_list_of_keys_no_logins(self, store: Store) -> None:
        user, service = a_user(), a_service()
        login = a_session(user.id)
        key, other = (a_session(user.id, kind=Kind.API_KEY, name="ci", scopes=("read",)) for _ in range(2))
        secret = a_session(service.id, kind=Kind.SERVICE, expires_at=NEVER, idle_for=NEVER_IDLE, public_key="pem")
        self._put(store, login, key, other, secret)
        assert self.read(store, lambda tx: tx.sessions.live_of(user.id)) == [login]
        assert self.read(store, lambda tx: tx.sessions.count_live(NOW)) == 1
        keys = sorted((key, other), key=lambda session: session.id)
        assert sorted(
            self.read(store, lambda tx: tx.sessions.live_of(user.id, Kind.API_KEY)), key=lambda session: session.id
        ) == [*keys]
        assert self.read(store, lambda tx: tx.sessions.live_of(service.id)) == []
        assert self.read(store, lambda tx: tx.sessions.live_of(service.id, Kind.SERVICE)) == [secret]
        assert self.read(store, lambda tx: tx.sessions.live_page(Kind.API_KEY)) == keys
        assert self.read(store, lambda tx: tx.sessions.live_page(Kind.API_KEY, limit=1)) == keys[:1]
        assert self.read(store, lambda tx: tx.sessions.live_page(Kind.API_KEY, after=keys[0].id)) == keys[1:]
        self.write(store, lambda tx: tx.sessions.end(key.id, NOW, Ending.REVOKED))
        assert self.read(store, lambda tx: tx.sessions.live_page(Kind.API_KEY)) == [other]
        self.write(store, lambda tx: tx.log.raise_everything())
        assert self.read(store, lambda tx: tx.sessions.live_page(Kind.API_KEY)) == []

    def test_a_key_has_its_scopes_and_none_of_its_owners_roles(self, store: Store) -> None:
        user = a_user(roles=("admin",), version=4)
        key = a_session(user.id, kind=Kind.API_KEY, scopes=("read", "write"))
        self._put(store, user, key)
        record = self.read(store, lambda tx: tx.sessions.look_up(LookUp(digest=key.secret_digest))).record
        assert record is not None
        assert (record.kind, record.user_id, record.user_version) == (Kind.API_KEY, user.id, 4)
        assert (record.scopes, record.roles) == (("read", "write"), ())
        suspended = structs.replace(user, status=UserStatus.SUSPENDED, version=5)
        assert self.write(store, lambda tx: tx.users.save(suspended, expected_version=4))
        found = self.read(store, lambda tx: tx.sessions.look_up(LookUp(digest=key.secret_digest)))
        assert (found.record, found.session_id) == (None, key.id)

    def test_a_credential_of_a_service_stands_and_falls_with_the_service(self, store: Store) -> None:
        service = a_service(version=3)
        secret = a_session(service.id, kind=Kind.SERVICE)
        self._put(store, service, secret)
        for asked in (LookUp(digest=secret.secret_digest), LookUp(session_id=secret.id)):
            record = self.read(store, lambda tx, asked=asked: tx.sessions.look_up(asked)).record  # type: ignore[misc]
            assert record is not None
            assert (record.kind, record.user_id, record.user_version) == (Kind.SERVICE, service.id, 3)
        suspended = structs.replace(service, status=ServiceStatus.SUSPENDED, version=4)
        assert self.write(store, lambda tx: tx.services.save(suspended, expected_version=3))
        found = self.read(store, lambda tx: tx.sessions.look_up(LookUp(session_id=secret.id)))
        assert (found.record, found.session_id) == (None, secret.id)
        self.write(store, lambda tx: tx.services.remove(service.id))
        found = self.read(store, lambda tx: tx.sessions.look_up(LookUp(session_id=secret.id)))
        assert (found.record, found.session_id) == (None, secret.id)

    def test_a_login_never_passes_for_a_service_nor_the_other_way_round(self, store: Store) -> None:
        """Whatever owner a row names, its kind says where the owner is looked for."""
        user, service = a_user(), a_service()
        login, secret = a_session(service.id), a_session(user.id, kind=Kind.SERVICE)
        self._put(store, user, service, login, secret)
        for session in (login, secret):
            found = self.read(store, lambda tx, key=session.id: tx.sessions.look_up(LookUp(session_id=key)))  # type: ignore[misc]
            assert (found.record, found.session_id) == (None, session.id)
