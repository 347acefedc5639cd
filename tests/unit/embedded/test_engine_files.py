"""The files of the embedded vector engine: the log of writes, images and working copies."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path
from typing import Any

import pytest
import qdrant_edge as edge
from qdrant_client import grpc as pb

from services.embedded.qdrant_server import collection as collections
from services.embedded.qdrant_server.collection import Collection
from services.embedded.qdrant_server.images import CollectionFolder, bytes_on_disk, bytes_to_copy
from services.embedded.qdrant_server.oplog import LogReader, LogWriter, log_files
from services.embedded.qdrant_server.schema import upkeep_configuration

_DIMENSION = 128
_POINTS = 1_000
_INDEXED_KB = 100
"""From this size of vectors on, a segment gets an index: far less than the points have."""


def _read(folder: Path, first: int = 0) -> list[tuple[int, str, bytes]]:
    return [(record.number, record.rpc, record.request) for record in LogReader(folder, first).read()]


def test_a_log_gives_back_what_was_added(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path, 5)
    assert [writer.append("Upsert", b"a" * size) for size in (0, 1, 100_000)] == [5, 6, 7]
    assert _read(tmp_path, 5) == [(5, "Upsert", b""), (6, "Upsert", b"a"), (7, "Upsert", b"a" * 100_000)]
    assert _read(tmp_path, 7) == [(7, "Upsert", b"a" * 100_000)]


def test_a_reader_goes_on_where_it_stopped(tmp_path: Path) -> None:
    writer, reader = LogWriter(tmp_path, 0), LogReader(tmp_path, 0)
    writer.append("Delete", b"one")
    assert [record.request for record in reader.read()] == [b"one"]
    writer.append("Delete", b"two")
    assert [record.request for record in reader.read()] == [b"two"]
    LogWriter(tmp_path, 2).append("Delete", b"three")
    assert [record.request for record in reader.read()] == [b"three"]
    assert reader.next_number == 3


@pytest.mark.parametrize("damage", ["cut", "changed"])
def test_a_record_that_is_not_whole_is_cut_off(tmp_path: Path, damage: str) -> None:
    writer = LogWriter(tmp_path, 0)
    writer.append("Upsert", b"kept")
    writer.append("Upsert", b"half of it")
    (_, file) = log_files(tmp_path)[0]
    content = file.read_bytes()
    file.write_bytes(content[:-3] if damage == "cut" else content[:-1] + b"?")
    assert _read(tmp_path) == [(0, "Upsert", b"kept")]
    LogWriter(tmp_path, 1).append("Upsert", b"later")
    assert _read(tmp_path) == [(0, "Upsert", b"kept"), (1, "Upsert", b"later")]


def test_a_log_takes_no_room_before_its_first_record(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path, 3)
    writer.sync()
    writer.close()
    assert log_files(tmp_path) == []


def test_a_file_whose_writer_did_not_come_to_write_is_no_end(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path, 0)
    writer.append("Upsert", b"0")
    (tmp_path / "log-0000000000000001").touch()
    writer.append("Upsert", b"1")
    LogWriter(tmp_path, 2).append("Upsert", b"2")
    assert [number for number, _, _ in _read(tmp_path)] == [0, 1, 2]


def _description() -> pb.CreateCollection:
    message = pb.CreateCollection(collection_name="notes")
    dense = message.vectors_config.params_map.map["dense"]
    dense.size, dense.distance = _DIMENSION, pb.Distance.Cosine
    message.sparse_vectors_config.map["terms"].modifier = pb.Modifier.Idf
    message.hnsw_config.full_scan_threshold = message.optimizers_config.indexing_threshold = _INDEXED_KB
    return message


def _points(dice: random.Random, ids: range) -> list[edge.Point]:
    return [
        edge.Point(
            number,
            {
                "dense": [dice.uniform(-1, 1) for _ in range(_DIMENSION)],
                "terms": edge.SparseVector(indices=sorted(dice.sample(range(500), 5)), values=[1.0] * 5),
            },
            {"owner": f"o{number % 7}", "text": "word " * 20},
        )
        for number in ids
    ]


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> CollectionFolder:
    """A collection whose image has a segment with an index."""
    folder = CollectionFolder(tmp_path_factory.mktemp("collection"))
    message = _description()
    collections.create(folder, message)
    folder.description.write_bytes(message.SerializeToString())
    dice = random.Random(1)  # noqa: S311 - repeatable on purpose
    copy = folder.working_copy(folder.newest_image()[1])
    shard = edge.EdgeShard.load(str(copy), upkeep_configuration(message))
    shard.update(edge.UpdateOperation.create_field_index("owner", edge.PayloadSchemaType.Keyword))
    for start in range(0, _POINTS, 250):
        shard.update(edge.UpdateOperation.upsert_points(_points(dice, range(start, start + 250))))
    shard.optimize()
    shard.flush()
    shard.close()
    folder.publish_image(copy, 1)
    folder.remove_leftovers()
    return folder


def _digests(folder: Path) -> dict[Path, str]:
    return {
        path.relative_to(folder): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("aside", [False, True])
def test_no_write_to_a_working_copy_changes_its_image(indexed: CollectionFolder, tmp_path: Path, aside: bool) -> None:
    dice = random.Random(2)  # noqa: S311 - repeatable on purpose
    _, image = indexed.newest_image()
    before = _digests(image)
    assert bytes_to_copy(image) < bytes_on_disk(image) / 2
    copy = indexed.working_copy(image, tmp_path if aside else None)
    shared = {
        path.name for path in copy.rglob("*") if path.is_file() and (path.is_symlink() or path.stat().st_nlink > 1)
    }
    assert shared >= {"matrix.dat", "links_compressed.bin", "inverted_index.dat"}
    # On another volume pages are copied: Edge does not count a symbolic link as one.
    assert ("page_0.dat" in shared) is not aside
    assert bytes_to_copy(image, aside) == bytes_on_disk(copy) - sum(
        file.stat().st_blocks * 512 for file in copy.rglob("*") if file.name in shared
    )
    shard = edge.EdgeShard.load(str(copy))
    for operation in _operations(dice):
        shard.update(operation)
    query = edge.Query.Nearest([0.1] * _DIMENSION, using="dense")
    assert shard.query(edge.QueryRequest(limit=10, query=query))
    shard.flush()
    shard.optimize()
    shard.flush()
    shard.close()
    assert _digests(image) == before


def _operations(dice: random.Random) -> list[Any]:
    operation = edge.UpdateOperation
    owner = edge.Filter(must=[edge.FieldCondition(key="owner", match=edge.MatchValue("o3"))])
    return [
        operation.delete_points([1, 2]),
        operation.delete_points_by_filter(owner),
        operation.upsert_points(_points(dice, range(4, 10))),
        operation.upsert_points(_points(dice, range(_POINTS, _POINTS + 250))),
        operation.set_payload([11], {"a": 1}),
        operation.set_payload_by_filter(edge.Filter(must=[edge.HasIdCondition({12})]), {"a": 1}),
        operation.overwrite_payload([13], {"b": 1}),
        operation.delete_payload([14], ["text"]),
        operation.clear_payload([15]),
        operation.delete_vectors([16], ["dense", "terms"]),
        operation.update_vectors([edge.PointVectors(18, {"dense": [0.5] * _DIMENSION})]),
        operation.create_field_index("text", edge.PayloadSchemaType.Keyword),
        operation.delete_field_index("owner"),
    ]


def test_a_shard_of_an_earlier_version_is_taken_over(tmp_path: Path) -> None:
    folder = CollectionFolder(tmp_path)
    message = _description()
    folder.description.write_bytes(message.SerializeToString())
    config = edge.EdgeConfig(
        vectors={"dense": edge.EdgeVectorParams(size=_DIMENSION, distance=edge.Distance.Cosine)},
        sparse_vectors={"terms": edge.EdgeSparseVectorParams(modifier=edge.Modifier.Idf)},
    )
    (tmp_path / "shard").mkdir()
    shard = edge.EdgeShard.create(str(tmp_path / "shard"), config)
    dice = random.Random(3)  # noqa: S311 - repeatable on purpose
    shard.update(edge.UpdateOperation.upsert_points(_points(dice, range(200))))
    shard.update(edge.UpdateOperation.delete_points([7]))
    del shard  # Not closed: what it holds is in Edge's log only.
    collections.take_over_old_shard(folder)
    taken = Collection(folder)
    assert taken.shard.count(edge.CountRequest(exact=True)) == 199
    assert taken.changed_points == 199
    assert not (tmp_path / "shard").exists()
    assert not list(taken.copy.rglob("wal"))
