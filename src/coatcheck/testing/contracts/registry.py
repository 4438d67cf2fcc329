"""Every edge of the registry (rules 2, 3, 4, 7 and 15)."""

import asyncio

import pytest
from msgspec import structs

from coatcheck.errors import DataConflict
from coatcheck.model.position import Position
from coatcheck.model.subscriber import Registration
from coatcheck.stores.port import Registry, Store
from coatcheck.testing.contracts.driving import NOW, SECOND, Driving, a_registration

# ruff: noqa: S101 - assert is how a contract speaks


class RegistryContract(Driving):
    """The list of subscribers."""

    def _register(self, store: Store, **changes: object) -> Registration:
        position = self.read(store, lambda tx: tx.log.head()).position
        row = a_registration(position, **changes)
        self.write_registry(store, lambda registry: registry.add(row))
        return row

    def _get(self, store: Store, row: Registration) -> Registration:
        read = self.read_registry(store, lambda registry: registry.get(row.number))
        assert read is not None
        return read

    def test_nobody_is_registered_at_first(self, store: Store) -> None:
        def ask(registry: Registry) -> list[object]:
            return [
                registry.all(),
                registry.get("reg_x"),
                registry.among(["reg_x"]),
                registry.among([]),
                registry.count_of("ses_x"),
                registry.acknowledge("reg_x", None, NOW, 1),
                registry.mark_lapsed("reg_x", NOW),
                registry.remove(["reg_x"]),
                registry.remove([]),
            ]

        assert self.write_registry(store, ask) == [[], None, [], [], 0, False, False, 0, 0]

    def test_a_row_comes_out_as_it_went_in(self, store: Store) -> None:
        plain = self._register(store)
        position = plain.since
        full = self._register(
            store,
            name="wörker 🦊",
            acknowledged=position,
            accept_ms=3_600_000,
            lapsed_at=NOW,
            heard_at=NOW - SECOND,
            credential="ses_of_a_service",
        )
        assert self._get(store, plain) == plain
        assert self._get(store, full) == full
        rows = self.read_registry(store, lambda registry: registry.all())
        assert sorted(rows, key=lambda row: row.number) == sorted((plain, full), key=lambda row: row.number)

    def test_a_number_is_given_once(self, store: Store) -> None:
        row = self._register(store)
        with pytest.raises(DataConflict):
            self.write_registry(store, lambda registry: registry.add(row))

    def test_an_acknowledgement_moves_forward_within_an_epoch(self, store: Store) -> None:
        row = self._register(store)
        epoch = row.since.epoch

        def acknowledge(applied: Position | None, after: int) -> Registration:
            assert self.write_registry(
                store, lambda registry: registry.acknowledge(row.number, applied, NOW + after * SECOND, 5_000)
            )
            return self._get(store, row)

        read = acknowledge(Position(epoch, 5), 1)
        assert read == structs.replace(row, acknowledged=Position(epoch, 5), heard_at=NOW + SECOND)
        assert acknowledge(Position(epoch, 3), 2).acknowledged == Position(epoch, 5)
        assert acknowledge(Position(epoch, 7), 3).acknowledged == Position(epoch, 7)
        newer = Position(epoch.successor(), 2)
        assert acknowledge(newer, 4).acknowledged == newer
        assert acknowledge(None, 5).acknowledged is None
        assert acknowledge(Position(epoch, 1), 6) == structs.replace(
            row, acknowledged=Position(epoch, 1), heard_at=NOW + 6 * SECOND
        )

    def test_the_largest_lease_stays_on_record(self, store: Store) -> None:
        row = self._register(store, lease_ms=5_000)
        leases = []
        for lease_ms in (1_000, 9_000, 2_000):
            self.write_registry(
                store,
                lambda registry, lease_ms=lease_ms: registry.acknowledge(row.number, None, NOW, lease_ms),  # type: ignore[misc]
            )
            leases.append(self._get(store, row).lease_ms)
        assert leases == [5_000, 9_000, 9_000]

    def test_a_lapsed_row_stays_but_acknowledges_no_more(self, store: Store) -> None:
        row = self._register(store)
        assert self.write_registry(store, lambda registry: registry.mark_lapsed(row.number, NOW))
        assert not self.write_registry(store, lambda registry: registry.mark_lapsed(row.number, NOW + SECOND))
        assert not self.write_registry(
            store, lambda registry: registry.acknowledge(row.number, row.since, NOW + SECOND, 9_000)
        )
        lapsed = structs.replace(row, lapsed_at=NOW)
        assert self._get(store, row) == lapsed
        assert self.read_registry(store, lambda registry: registry.all()) == [lapsed]

    def test_of_those_who_give_a_row_up_exactly_one_marks_it(self, store: Store, twin: Store) -> None:
        row = self._register(store)

        async def all_at_once() -> list[bool]:
            return await asyncio.gather(
                *(
                    each.write_registry(lambda registry, n=n: registry.mark_lapsed(row.number, NOW + n * SECOND))  # type: ignore[misc]
                    for n, each in enumerate([store, twin] * 8)
                )
            )

        won = asyncio.run(all_at_once())
        assert won.count(True) == 1
        assert self._get(twin, row).lapsed_at == NOW + won.index(True) * SECOND

    def test_some_rows_are_read_at_once(self, store: Store) -> None:
        first, second, third = (self._register(store) for _ in range(3))
        numbers = [third.number, "reg_unknown", first.number, third.number]
        rows = self.read_registry(store, lambda registry: registry.among(numbers))
        assert sorted(rows, key=lambda row: row.number) == sorted((first, third), key=lambda row: row.number)
        assert second not in rows

    def test_the_rows_of_a_credential_are_counted_lapsed_ones_too(self, store: Store) -> None:
        self._register(store)
        self._register(store, credential="ses_one")
        self._register(store, credential="ses_one", lapsed_at=NOW)
        self._register(store, credential="ses_two")
        counts = self.read_registry(store, lambda registry: [registry.count_of(f"ses_{n}") for n in ("one", "two")])
        assert counts == [2, 1]

    def test_removed_rows_are_gone(self, store: Store) -> None:
        first, second, third = (self._register(store) for _ in range(3))
        doomed = [first.number, second.number, "reg_unknown", first.number]
        assert self.write_registry(store, lambda registry: registry.remove(doomed)) == 2
        assert self.write_registry(store, lambda registry: registry.remove(iter(doomed))) == 0
        assert self.read_registry(store, lambda registry: registry.all()) == [third]
