"""What a person may be called."""

import pytest

from coatcheck.errors import RequestInvalid
from coatcheck.model.name import LONGEST_NAME, check_name


@pytest.mark.parametrize("name", ["", " ", "Zoë O’Neil", "山田", "n" * LONGEST_NAME])
def test_nearly_everything_is_a_name(name):
    check_name(name)


@pytest.mark.parametrize("name", ["n" * (LONGEST_NAME + 1), "a\nb", "a\0", "a\u202eb", "a\u200bb", "\ud800"])
def test_what_is_too_long_or_not_seen_is_none(name):
    with pytest.raises(RequestInvalid) as refused:
        check_name(name)
    assert [each.field for each in refused.value.errors] == ["name"]
