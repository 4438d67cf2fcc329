"""Password hashes made elsewhere. The hashes were made by Django 5.2 and passlib 1.7."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coatcheck.passwords.argon2 import PasswordHasher
from coatcheck.passwords.foreign import is_work, verify_foreign, work_like, work_of
from coatcheck.settings import PasswordSettings

PASSWORD = "correct horse battery stäple"

HASHES = {
    "pbkdf2_sha256$1000": "pbkdf2_sha256$1000$A7g4WpdCIayf5sIW9DvDNq$m7KvtAtxcr4KW+CsOQNuL3SI0y03rgGPzkMlxwNN9AI=",
    "pbkdf2_sha1$1000": "pbkdf2_sha1$1000$4aBu2SVvd8fCfzIUlNMmXi$3ZN0J8D9Eydmiv8CD9RIQatMURU=",
    "scrypt$1024$8$5": "scrypt$1024$P6RqlfZQiYI42oxuF9xSXn$8$5$fWoe4KKtkm0COHEgQbd5Bj8YVQ/gkLiblHwTHDi+e/HS3zhWNgkrBHVM"
    "SHrFKamIVLsh4N2/DeXr/klHP9fHvA==",
    "scrypt$1024$8$1": "$scrypt$ln=10,r=8,p=1$BiDEeK+19t6bU4qxNqZUyg$iigNL9YX03CEp+wjgF2zCT+w1Yq8Vi20skcDbToh2wA",
    "bcrypt$04 sha256": "bcrypt_sha256$$2b$04$k4vf8/XnDaRz0PPJvTDgw.OUr/8CINoNeOzTIve/ZMSewvAkwh2PO",
    "bcrypt$04 django": "bcrypt$$2b$04$XoG/IqMGq/fdswRGsIDlUurqEB1hk241pm62iYuK18vovShi75Qxq",
    "bcrypt$04": "$2b$04$XoG/IqMGq/fdswRGsIDlUurqEB1hk241pm62iYuK18vovShi75Qxq",
    "bcrypt$04 2y": "$2y$04$XoG/IqMGq/fdswRGsIDlUurqEB1hk241pm62iYuK18vovShi75Qxq",
    "bcrypt$04 2a": "$2a$04$XoG/IqMGq/fdswRGsIDlUurqEB1hk241pm62iYuK18vovShi75Qxq",
}
DJANGO_ARGON2 = (
    "argon2$argon2id$v=19$m=102400,t=2,p=8$MlB0ZDlEam1lcW8yTDNFOWZUUThvdQ$8cwY/BaukMLt+LDNWgFa13y8GeSqsR5RvNRBKBWX1Jg"
)


@pytest.mark.parametrize("name", HASHES)
def test_an_imported_hash_opens_to_its_password_only(name: str) -> None:
    stored = HASHES[name]
    assert work_of(stored) == name.partition(" ")[0]
    assert verify_foreign(stored, PASSWORD)
    for other in ("", "wrong", PASSWORD + " ", PASSWORD.upper(), PASSWORD[:-1]):
        assert not verify_foreign(stored, other)


@pytest.mark.parametrize("name", HASHES)
def test_a_password_hasher_reads_imported_hashes_and_wants_to_replace_them(name: str) -> None:
    hasher = PasswordHasher(PasswordSettings(memory_kib=64, iterations=1))
    assert hasher.verify(HASHES[name], PASSWORD)
    assert not hasher.verify(HASHES[name], "wrong")
    assert hasher.needs_rehash(HASHES[name])


def test_argon2_hashes_of_django_are_read() -> None:
    hasher = PasswordHasher(PasswordSettings(memory_kib=64, iterations=1))
    assert hasher.verify(DJANGO_ARGON2, PASSWORD)
    assert not hasher.verify(DJANGO_ARGON2, "wrong")
    assert hasher.needs_rehash(DJANGO_ARGON2)


@pytest.mark.parametrize("name", HASHES)
def test_a_hash_with_a_character_changed_opens_nothing(name: str) -> None:
    stored = HASHES[name]
    last = stored.rstrip("=")[-2]
    other = stored.replace("=", "")[:-2] + ("B" if last != "B" else "C")
    assert not verify_foreign(other, PASSWORD)
    assert not verify_foreign(stored + "x", PASSWORD)
    assert not verify_foreign("\n" + stored, PASSWORD)
    assert not verify_foreign(stored + "\n", PASSWORD)


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "!",
        "md5$abc$900150983cd24fb0d6963f7d28e17f72",
        "$1$salt$hash",
        "$2x$04$XoG/IqMGq/fdswRGsIDlUurqEB1hk241pm62iYuK18vovShi75Qxq",
        "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$" + "A" * 43,
        "pbkdf2_sha512$1000$salt$AAAA",
        "pbkdf2_sha256$1000$salt$AAAA",
        "pbkdf2_sha256$1000$salt$!!!!",
        "pbkdf2_sha256$1000$\ud800$m7KvtAtxcr4KW+CsOQNuL3SI0y03rgGPzkMlxwNN9AI=",
        "scrypt$1000$salt$8$1$" + "A" * 43 + "=",
        "scrypt$1024$salt$8$1$AAAA",
        "scrypt$1024$salt$0$1$" + "A" * 43 + "=",
        "scrypt$1024$salt$8$0$" + "A" * 43 + "=",
    ],
)
def test_an_unknown_scheme_opens_nothing(stored: str) -> None:
    assert work_of(stored) is None
    assert not verify_foreign(stored, PASSWORD)


@given(st.sampled_from([*HASHES.values(), ""]), st.text(max_size=40), st.integers(0, 40))
def test_any_text_is_read_without_an_exception(stored: str, text: str, place: int) -> None:
    work_of(stored[:place] + text + stored[place:])
    is_work(text)


@pytest.mark.parametrize("work", ["bcrypt$04", "pbkdf2_sha256$1000", "pbkdf2_sha1$1000", "scrypt$1024$8$5"])
def test_work_is_named_so_that_it_can_be_done_again(work: str) -> None:
    assert is_work(work)
    work_like(work, PASSWORD)


@pytest.mark.parametrize("work", ["", "bcrypt", "bcrypt$4", "bcrypt$31", "md5$1", "scrypt$1000$8$1", "pbkdf2_sha256$0"])
def test_what_is_no_work_is_not_done(work: str) -> None:
    assert not is_work(work)
    work_like(work, PASSWORD)
