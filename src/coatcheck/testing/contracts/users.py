"""Every edge of ``tx.users``."""

import pytest

from coatcheck.model.user import User, UserStatus
from coatcheck.stores.port import Store, Transaction
from coatcheck.testing.contracts.driving import NOW, SECOND, Driving, a_user

# ruff: noqa: S101 - assert is how a contract speaks

_AWKWARD = ["", "Ann", "Łukasz Ünïcode 'quoted' \"double\" \\ back", "🦊👩‍👩‍👧 emoji", "100% _under_", "; DROP TABLE--"]


class UsersContract(Driving):
    """People with accounts."""

    def test_nobody_is_there_at_first(self, store: Store) -> None:
        def ask(tx: Transaction) -> list[object]:
            tx.users.lock("usr_nobody")
            return [tx.users.get("usr_x"), tx.users.by_email_key("x"), tx.users.page(), tx.users.count_with_role("a")]

        assert self.write(store, ask) == [None, None, [], 0]

    @pytest.mark.parametrize("text", _AWKWARD)
    def test_what_goes_in_comes_out_equal(self, store: Store, text: str) -> None:
        user = a_user(
            email=text,
            email_key=text,
            name=text,
            password_hash=text,
            roles=(text, "b"),
            status=UserStatus.SUSPENDED,
            version=7,
            password_changed_at=NOW + SECOND / 3,
            data={text: [1, -2.5, None, True, {"x": text}]},
        )
        assert self.write(store, lambda tx: tx.users.add(user))
        assert self.read(store, lambda tx: tx.users.get(user.id)) == user
        assert self.read(store, lambda tx: tx.users.by_email_key(text)) == user
        read = self.read(store, lambda tx: tx.users.page())[0]
        assert read == user
        assert read.created_at.tzinfo is not None

    def test_a_stored_user_is_nobody_elses_object(self, store: Store) -> None:
        user = a_user(data={"colours": ["red"]})
        self.write(store, lambda tx: tx.users.add(user))
        colours = user.data["colours"]
        assert isinstance(colours, list)
        colours.append("blue")
        read = self.read(store, lambda tx: tx.users.get(user.id))
        assert read is not None
        assert read.data == {"colours": ["red"]}
        read.data["more"] = 1
        assert self.read(store, lambda tx: tx.users.get(user.id)) == a_user(
            **{name: getattr(user, name) for name in User.__struct_fields__} | {"data": {"colours": ["red"]}}
        )

    def test_an_email_or_an_id_is_given_once(self, store: Store) -> None:
        user = a_user()
        assert self.write(store, lambda tx: tx.users.add(user))
        assert not self.write(store, lambda tx: tx.users.add(a_user(email_key=user.email_key)))
        assert not self.write(store, lambda tx: tx.users.add(a_user(id=user.id)))
        assert self.read(store, lambda tx: tx.users.page()) == [user]

    def test_a_taken_email_does_not_spoil_the_rest_of_the_work(self, store: Store) -> None:
        first, second = a_user(), a_user()

        def work(tx: Transaction) -> None:
            assert tx.users.add(first)
            assert not tx.users.add(a_user(email_key=first.email_key))
            assert tx.users.add(second)
            taken = a_user(id=second.id, email_key=first.email_key, version=2)
            assert not tx.users.save(taken, expected_version=1)
            assert tx.users.get(second.id) == second

        self.write(store, work)
        assert self.read(store, lambda tx: tx.users.get(second.id)) == second

    def test_of_racing_registrations_exactly_one_wins(self, store: Store, twin: Store) -> None:
        racing = [a_user(email_key="same@example.com") for _ in range(20)]
        won = self.race([store, twin], [lambda tx, user=user: tx.users.add(user) for user in racing])  # type: ignore[misc]
        assert won.count(True) == 1
        assert self.read(twin, lambda tx: tx.users.by_email_key("same@example.com")) == racing[won.index(True)]

    def test_of_racing_saves_exactly_one_wins(self, store: Store, twin: Store) -> None:
        user = a_user()
        self.write(store, lambda tx: tx.users.add(user))
        racing = [a_user(id=user.id, email_key=user.email_key, name=str(n), version=2) for n in range(20)]
        won = self.race(
            [store, twin],
            [lambda tx, new=new: tx.users.save(new, expected_version=1) for new in racing],  # type: ignore[misc]
        )
        assert won.count(True) == 1
        assert self.read(twin, lambda tx: tx.users.get(user.id)) == racing[won.index(True)]

    def test_saving_needs_the_version_that_was_read(self, store: Store) -> None:
        user = a_user(version=3)
        self.write(store, lambda tx: tx.users.add(user))
        changed = a_user(id=user.id, email_key="new@example.com", version=4, data={"a": 1})
        assert not self.write(store, lambda tx: tx.users.save(changed, expected_version=2))
        assert not self.write(store, lambda tx: tx.users.save(changed, expected_version=4))
        assert not self.write(store, lambda tx: tx.users.save(a_user(), expected_version=1))
        assert self.write(store, lambda tx: tx.users.save(changed, expected_version=3))
        assert self.read(store, lambda tx: tx.users.get(user.id)) == changed
        assert self.read(store, lambda tx: tx.users.by_email_key("new@example.com")) == changed
        assert self.read(store, lambda tx: tx.users.by_email_key(user.email_key)) is None
        assert self.write(store, lambda tx: tx.users.add(a_user(email_key=user.email_key)))

    def test_a_removed_user_is_gone_and_the_email_is_free(self, store: Store) -> None:
        user = a_user()
        self.write(store, lambda tx: tx.users.add(user))
        assert self.write(store, lambda tx: tx.users.remove(user.id))
        assert not self.write(store, lambda tx: tx.users.remove(user.id))
        assert self.read(store, lambda tx: tx.users.get(user.id)) is None
        assert not self.write(store, lambda tx: tx.users.save(user, expected_version=1))
        assert self.write(store, lambda tx: tx.users.add(a_user(email_key=user.email_key)))

    def test_pages_follow_each_other_in_order_of_id(self, store: Store) -> None:
        users = sorted((a_user() for _ in range(7)), key=lambda user: user.id)
        self.write(store, lambda tx: [tx.users.add(user) for user in reversed(users)])
        first = self.read(store, lambda tx: tx.users.page(limit=3))
        second = self.read(store, lambda tx: tx.users.page(after=first[-1].id, limit=3))
        third = self.read(store, lambda tx: tx.users.page(after=second[-1].id, limit=3))
        assert [*first, *second, *third] == users
        assert self.read(store, lambda tx: tx.users.page(after=users[-1].id)) == []

    def test_a_search_takes_its_text_literally_whatever_the_case(self, store: Store) -> None:
        names = {"percent": "100% sure", "under": "a_b", "plain": "axb ÄRGER", "back": "back\\slash", "quote": "O'Neil"}
        users = {key: a_user(name=name, email=f"{key}@Mail.example") for key, name in names.items()}
        self.write(store, lambda tx: [tx.users.add(user) for user in users.values()])

        def search(query: str) -> set[str]:
            found = self.read(store, lambda tx: tx.users.page(query=query))
            return {key for key, user in users.items() if user in found}

        assert search("%") == {"percent"}
        assert search("a_b") == {"under"}
        assert search("ärg") == {"plain"}
        assert search("\\") == {"back"}
        assert search("o'n") == {"quote"}
        assert search("UNDER@mail") == {"under"}
        assert search("") == set(users)
        assert search("nobody") == set()
        assert search("\0") == set()
        assert search("/" * 60_000) == set()

    def test_pages_can_be_narrowed_to_a_status(self, store: Store) -> None:
        active, suspended = a_user(name="Ann"), a_user(name="Anna", status=UserStatus.SUSPENDED)
        self.write(store, lambda tx: [tx.users.add(user) for user in (active, suspended)])
        assert self.read(store, lambda tx: tx.users.page(status=UserStatus.SUSPENDED)) == [suspended]
        assert self.read(store, lambda tx: tx.users.page(status=UserStatus.ACTIVE, query="ann")) == [active]

    @pytest.mark.parametrize("role", ["admin", "coatcheck:admin", 'x"admin', "a%", "a\\", "[]", ",", "🦊"])
    def test_only_active_users_with_exactly_that_role_are_counted(self, store: Store, role: str) -> None:
        decoys = [(), ("other",), (role + "x", "x" + role), (f'{role}"', f'"{role}', f'x"{role}'), ("ad", "min", "x,")]
        self.write(store, lambda tx: [tx.users.add(a_user(roles=roles)) for roles in decoys])
        self.write(store, lambda tx: tx.users.add(a_user(roles=(role,), status=UserStatus.SUSPENDED)))
        assert self.read(store, lambda tx: tx.users.count_with_role(role)) == sum(role in roles for roles in decoys)
        self.write(store, lambda tx: [tx.users.add(a_user(roles=("z", role))) for _ in range(2)])
        assert self.read(store, lambda tx: tx.users.count_with_role(role)) == 2 + sum(role in roles for roles in decoys)
