"""What every implementation of ``Secrets`` promises."""

NOW = 1_800_000_000


def values(secrets, name, now=NOW):
    return [version.value for version in secrets.versions(name, now)]


def test_an_unknown_secret_has_no_version(secrets):
    assert secrets.versions("signing", NOW) == []
    assert secrets.names() == []


def test_the_current_version_comes_first_and_does_not_expire(secrets):
    first = secrets.put("signing", "one", NOW)
    assert secrets.versions("signing", NOW) == [first]
    assert (first.value, first.created_at, first.expires_at) == ("one", NOW, None)


def test_a_replaced_version_stays_valid_for_as_long_as_asked(secrets):
    first = secrets.put("signing", "one", NOW)
    second = secrets.put("signing", "two", NOW + 10, keep_previous_seconds=60)
    assert first.version != second.version
    current, previous = secrets.versions("signing", NOW + 69)
    assert (current.version, current.expires_at) == (second.version, None)
    assert (previous.version, previous.value, previous.expires_at) == (first.version, "one", NOW + 70)
    assert values(secrets, "signing", NOW + 70) == ["two"]


def test_a_replaced_version_goes_at_once_unless_asked_otherwise(secrets):
    secrets.put("signing", "one", NOW)
    secrets.put("signing", "two", NOW)
    assert values(secrets, "signing") == ["two"]


def test_the_same_value_again_is_a_new_version(secrets):
    first = secrets.put("signing", "one", NOW)
    assert secrets.put("signing", "one", NOW).version != first.version


def test_names_are_sorted_and_begin_with_the_prefix(secrets):
    for name in ("client/b", "client/a", "signing", "client_x", "Client/c"):
        secrets.put(name, "value", NOW)
    assert secrets.names("client/") == ["client/a", "client/b"]
    assert secrets.names() == ["Client/c", "client/a", "client/b", "client_x", "signing"]


def test_a_name_is_listed_once_however_many_versions_it_has(secrets):
    secrets.put("signing", "one", NOW)
    secrets.put("signing", "two", NOW, keep_previous_seconds=60)
    assert secrets.names() == ["signing"]


def test_remove_forgets_all_versions_of_one_name(secrets):
    secrets.put("signing", "one", NOW)
    secrets.put("signing", "two", NOW, keep_previous_seconds=60)
    secrets.put("other", "three", NOW)
    assert secrets.remove("signing")
    assert not secrets.remove("signing")
    assert secrets.versions("signing", NOW) == []
    assert values(secrets, "other") == ["three"]


def test_a_version_does_not_show_its_value_in_repr(secrets):
    assert "hidden" not in repr(secrets.put("signing", "hidden", NOW))


def test_versions_that_are_still_valid_follow_the_newest_first(secrets):
    for number in range(6):
        secrets.put("signing", str(number), NOW + number, keep_previous_seconds=60)
    assert values(secrets, "signing", NOW + 10) == ["5", "4", "3", "2", "1", "0"]


def test_a_new_version_ends_all_before_it_no_later_than_asked(secrets):
    secrets.put("signing", "one", NOW)
    secrets.put("signing", "two", NOW, keep_previous_seconds=1_000)
    secrets.put("signing", "three", NOW + 10, keep_previous_seconds=60)
    current, *before = values(secrets, "signing", NOW + 69)
    assert (current, sorted(before)) == ("three", ["one", "two"])
    assert values(secrets, "signing", NOW + 70) == ["three"]


def test_a_new_version_gives_no_life_to_those_that_end_earlier(secrets):
    secrets.put("signing", "one", NOW)
    secrets.put("signing", "two", NOW, keep_previous_seconds=60)
    secrets.put("signing", "three", NOW + 10, keep_previous_seconds=1_000)
    assert values(secrets, "signing", NOW + 59) == ["three", "two", "one"]
    assert values(secrets, "signing", NOW + 60) == ["three", "two"]


def test_older_versions_end_when_asked_for_and_the_one_before_stays(secrets):
    for number in range(4):
        secrets.put("signing", str(number), NOW, keep_previous_seconds=60, end_older=True)
        assert values(secrets, "signing") == [str(number), str(number - 1)][: number + 1]
    secrets.put("signing", "last", NOW, end_older=True)
    assert values(secrets, "signing") == ["last"]


def test_amend_changes_the_current_value_alone(secrets):
    assert not secrets.amend("signing", "none")
    first = secrets.put("signing", "one", NOW)
    second = secrets.put("signing", "two", NOW + 10, keep_previous_seconds=60)
    secrets.put("other", "three", NOW)
    assert secrets.amend("signing", "amended-value")
    current, previous = secrets.versions("signing", NOW + 69)
    assert (current.version, current.value, current.created_at) == (second.version, "amended-value", NOW + 10)
    assert (previous.version, previous.value, previous.expires_at) == (first.version, "one", NOW + 70)
    assert values(secrets, "other") == ["three"]


def test_expire_forgets_what_has_ended_under_all_names(secrets):
    for name in ("signing", "other"):
        secrets.put(name, "one", NOW)
        secrets.put(name, "two", NOW, keep_previous_seconds=60)
    assert secrets.expire(NOW + 59) == 0
    assert secrets.expire(NOW + 60) == 2
    assert secrets.expire(NOW + 60) == 0
    for name in ("signing", "other"):
        assert values(secrets, name) == ["two"]
