"""The lake's table on Glue and S3: the same table as in a folder, for everyone who may read there."""

from functools import partial

import pytest
from botocore.exceptions import ConnectionClosedError
from lake_world import NOW, LakeWorld, batch, chunk_of, ids_of
from pyiceberg.catalog.glue import GlueCatalog

from cloud.calls import count
from cloud.rivals import in_threads
from cloudpulse.events.model import Position
from cloudpulse.lake import tables
from cloudpulse.lake.catalog import open_table
from cloudpulse.lake.commit import Lake
from cloudpulse.lake.snapshot import EMPTY, SnapshotReader


@pytest.fixture
def world(cloud, tmp_path):
    return LakeWorld(tmp_path)


def test_the_table_is_made_once_by_however_many_open_it(world):
    found = in_threads([partial(open_table, world.settings)] * 3)
    assert len({table.metadata.table_uuid for table in found}) == 1
    assert found[0].location() == f"s3://{world.settings.aws_bucket}/lake/events"
    assert found[0].spec() == tables.PARTITIONS
    assert found[0].schema().as_arrow().names == tables.SILVER.names


def test_anyone_can_read_the_table(world, cloud):
    """B2 on AWS: pyiceberg without our code."""
    sent = batch(3)
    assert Lake(world.settings).append(chunk_of(sent).table, None, Position("j", 1))
    catalog = GlueCatalog("any", **{"s3.endpoint": cloud, "s3.region": world.s3.meta.region_name})
    rows = catalog.load_table((world.settings.aws_database, "events")).scan("event_type = 'click'").to_arrow()
    assert sorted(rows["event_id"].to_pylist()) == sorted(ids_of(sent))


def test_a_reader_sees_each_version_and_asks_once_when_nothing_has_changed(world, faults):
    reader = SnapshotReader(world.settings)
    assert reader.current() is EMPTY
    assert world.worker().handle(world.send(batch(3)), NOW) == []
    first = reader.current()
    assert (first.rows, first.position) == (3, None)
    assert [
        file.path.startswith(f"s3://{world.settings.aws_bucket}/lake/events/data/day=") for file in first.files
    ] == [True]
    with faults.recorded() as asked:
        assert reader.current() is first
    assert count(asked) == {("glue", "GetTable"): 1}
    assert world.worker().handle(world.send(batch(2)), NOW) == []
    assert reader.current().rows == 5
    reader.close()


def test_a_commit_that_got_no_answer_is_not_sent_again(world, faults):
    """Guards mechanism 23: the SDK's second try would be refused, and pyiceberg delete the manifests of the first."""
    lake = Lake(world.settings)
    faults.fail("glue", "UpdateTable", after=True)
    with faults.recorded() as asked, pytest.raises(ConnectionClosedError):
        lake.append(chunk_of(batch(3)).table, None, Position("j", 1))
    assert count(asked)["glue", "UpdateTable"] == 1
    assert (lake.position(), SnapshotReader(world.settings).current().rows) == (Position("j", 1), 3)


def test_rival_commits_do_not_take_each_other_back(world):
    """The control of all that follows: without ``VersionId`` the second commit would have the first one's place."""
    rivals = [
        partial(Lake(world.settings).append, chunk_of(batch()).table, None, Position(f"{number}", 1))
        for number in range(4)
    ]
    assert sorted(in_threads(rivals)) == [False, False, False, True]
    assert SnapshotReader(world.settings).current().rows == 2


def test_an_object_holds_what_was_written_in_one_request(world, faults):
    """Arrow compresses what is called ``.zst`` once more, unless it is told not to."""
    with faults.recorded() as asked:
        world.objects.write("a/b.ndjson.zst", b"content")
    assert count(asked) == {("s3", "PutObject"): 1}
    assert world.objects.read("a/b.ndjson.zst") == b"content"
    assert world.s3.get_object(Bucket=world.settings.aws_bucket, Key="a/b.ndjson.zst")["Body"].read() == b"content"
    with pytest.raises(FileNotFoundError):
        world.objects.read("a/c")
