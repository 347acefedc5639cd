"""What the embedded vector engine refuses because it would not be found, or would keep others waiting."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from qdrant_client import grpc as pb

from services.embedded.qdrant_server import collection as collections
from services.embedded.qdrant_server import writes
from services.embedded.qdrant_server.collection import Collection
from services.embedded.qdrant_server.conversion import MAX_LENGTH, MAX_PAYLOAD_VALUES, finite, payload
from services.embedded.qdrant_server.errors import QdrantError
from services.embedded.qdrant_server.images import IMAGE_DESCRIPTION, CollectionFolder
from services.embedded.qdrant_server.oplog import LogWriter
from services.embedded.qdrant_server.schema import VectorSchema
from services.embedded.qdrant_server.writes import Change


def _description() -> pb.CreateCollection:
    message = pb.CreateCollection(collection_name="notes")
    vectors = message.vectors_config.params_map.map
    for name, distance in (("cosine", pb.Distance.Cosine), ("euclid", pb.Distance.Euclid), ("dot", pb.Distance.Dot)):
        vectors[name].size, vectors[name].distance = 2, distance
    vectors["half"].size, vectors["half"].distance, vectors["half"].datatype = 2, pb.Distance.Dot, pb.Datatype.Float16
    vectors["rows"].size, vectors["rows"].distance = 2, pb.Distance.Dot
    vectors["rows"].multivector_config.comparator = pb.MultiVectorComparator.MaxSim
    message.sparse_vectors_config.map["sparse"].SetInParent()
    return message


_SCHEMA = VectorSchema.of(_description())


def _upsert(vectors: dict[str, pb.Vector], numbers: int = 1, **values: Any) -> pb.UpsertPoints:
    request = pb.UpsertPoints(collection_name="notes")
    for number in range(numbers):
        point = request.points.add()
        point.id.num = 7 + number
        for name, vector in vectors.items():
            point.vectors.vectors.vectors[name].CopyFrom(vector)
        for key, value in values.items():
            point.payload[key].CopyFrom(value)
    return request


def _dense(*values: float) -> pb.Vector:
    return pb.Vector(dense=pb.DenseVector(data=values))


def _run(job: writes.Changes) -> tuple[list[Change], int]:
    """Return what a generator returns, and how often it let others in."""
    slices = 0
    while True:
        try:
            next(job)
        except StopIteration as ended:
            return ended.value, slices
        slices += 1


@pytest.mark.parametrize(
    ("name", "vector", "rule"),
    [
        ("cosine", _dense(1e20, 1.0), "must have a length of at most 9.22e+18: squares overflow 32 bits"),
        ("euclid", _dense(3e38, 1.0), "must have a length of at most 9.22e+18: squares overflow 32 bits"),
        ("dot", _dense(1.0, -1e19), "must have a length of at most 9.22e+18: squares overflow 32 bits"),
        ("dot", _dense(float("nan"), 1e30), "must hold finite numbers only, not NaN or infinity"),
        ("half", _dense(65505, 1.0), "must hold numbers of at most 65504, as it is stored in 16 bits"),
        (
            "rows",
            pb.Vector(
                multi_dense=pb.MultiDenseVector(vectors=[pb.DenseVector(data=row) for row in ((1, 1), (1e20, 1))])
            ),
            "must have a length of at most 9.22e+18: squares overflow 32 bits",
        ),
        (
            "sparse",
            pb.Vector(sparse=pb.SparseVector(indices=[1, 2], values=[1e20, 1])),
            "must have a length of at most 9.22e+18: squares overflow 32 bits",
        ),
    ],
)
def test_a_vector_that_would_not_be_found_is_refused_with_its_point(name: str, vector: pb.Vector, rule: str) -> None:
    update = pb.UpdatePointVectors(collection_name="notes")
    update.points.add().id.num = 7
    update.points[0].vectors.vectors.vectors[name].CopyFrom(vector)
    for job in (writes.upsert(_SCHEMA, _upsert({name: vector})), writes.update_vectors(_SCHEMA, update)):
        with pytest.raises(QdrantError) as refused:
            _run(job)
        assert refused.value.message == f"Wrong input: point 7: vectors.{name}: {rule}"


def test_the_longest_vector_is_taken() -> None:
    assert finite("query", [MAX_LENGTH, 0.0]) == [MAX_LENGTH, 0.0]
    _run(writes.upsert(_SCHEMA, _upsert({"cosine": _dense(1e18, 1e18), "half": _dense(65504, -65504)})))


def _values(count: int) -> pb.Value:
    return pb.Value(list_value=pb.ListValue(values=[pb.Value(integer_value=1)] * count))


@pytest.mark.parametrize(
    "fields",
    [
        {"list": _values(MAX_PAYLOAD_VALUES)},
        {str(number): pb.Value(bool_value=True) for number in range(MAX_PAYLOAD_VALUES + 1)},
        {"a": _values(MAX_PAYLOAD_VALUES // 2), "b": _values(MAX_PAYLOAD_VALUES // 2)},
        {"s": pb.Value(struct_value=pb.Struct(fields={str(n): _values(9) for n in range(MAX_PAYLOAD_VALUES // 10)}))},
    ],
)
def test_a_payload_of_too_many_values_is_refused(fields: dict[str, pb.Value]) -> None:
    with pytest.raises(QdrantError, match=f"payload: has too many values; at most {MAX_PAYLOAD_VALUES} are served"):
        payload(fields)
    assert payload(fields, limited=False).keys() == fields.keys()


def test_the_keys_of_a_payload_count_too() -> None:
    with pytest.raises(QdrantError, match=r"payload: has \d+ bytes; at most 1048576 are served"):
        payload({"k" * 1024 * 1024: pb.Value(bool_value=True)})
    assert len(payload({"list": _values(MAX_PAYLOAD_VALUES - 1)})["list"]) == MAX_PAYLOAD_VALUES - 1


def test_many_points_are_translated_in_slices_and_applied_in_chunks() -> None:
    changes, slices = _run(writes.upsert(_SCHEMA, _upsert({"dot": _dense(1, 2)}, 1_000)))
    assert [change.points for change in changes] == [16] * 62 + [8]
    assert slices == 1_000 // 8


def test_heavy_points_are_translated_one_by_one() -> None:
    text = pb.Value(string_value="x" * 100_000)
    changes, slices = _run(writes.upsert(_SCHEMA, _upsert({"dot": _dense(1, 2)}, 6, text=text)))
    assert [change.points for change in changes] == [1] * 6
    assert slices == 6


def test_many_ids_are_translated_in_slices() -> None:
    request = pb.DeletePoints(collection_name="notes")
    request.points.points.ids.extend(pb.PointId(num=number) for number in range(1_000))
    changes, slices = _run(writes.changes("Delete", _SCHEMA, request))
    assert sum(change.points for change in changes) == 1_000
    assert slices >= 1_000 // 8


def test_an_empty_request_is_an_operation_on_nothing() -> None:
    assert [change.points for change in _run(writes.upsert(_SCHEMA, pb.UpsertPoints()))[0]] == [0]


def test_what_an_earlier_version_took_is_there_after_a_restart(tmp_path: Path) -> None:
    folder = _made(tmp_path)
    request = _upsert({"dot": _dense(1e20, 1.0)}, list=_values(MAX_PAYLOAD_VALUES))
    LogWriter(tmp_path, 0).append("Upsert", request.SerializeToString())
    loaded = Collection(folder)
    for _ in loaded.catch_up():
        pass
    (record,) = loaded.shard.retrieve([7], True, True)
    assert record.payload is not None
    assert len(record.payload["list"]) == MAX_PAYLOAD_VALUES


def test_a_vector_that_was_added_is_known_after_a_kill_before_the_description_was_written(tmp_path: Path) -> None:
    folder = _made(tmp_path)
    log = LogWriter(tmp_path, 0)
    added = pb.CreateVectorNameRequest(collection_name="notes", vector_name="later")
    added.dense_config.size, added.dense_config.distance = 3, pb.Distance.Dot
    log.append("CreateVectorName", added.SerializeToString())
    log.append("Upsert", _upsert({"later": _dense(1.0, 2.0, 3.0)}).SerializeToString())
    loaded = _opened(folder)
    (record,) = loaded.shard.retrieve([7], True, True)
    assert record.vector == {"later": [1.0, 2.0, 3.0]}
    kept = pb.CreateCollection.FromString(folder.description.read_bytes())
    assert kept.vectors_config.params_map.map["later"].size == 3
    assert kept.sparse_vectors_config == _description().sparse_vectors_config


def _made(tmp_path: Path) -> CollectionFolder:
    folder = CollectionFolder(tmp_path)
    collections.create(folder, _description())
    folder.description.write_bytes(_description().SerializeToString())
    return folder


def _opened(folder: CollectionFolder) -> Collection:
    """A collection as a worker has it that takes over."""
    loaded = Collection(folder)
    for _ in loaded.catch_up():
        pass
    loaded.take_over()
    return loaded


def _write(collection: Collection, rpc: str, message: Any) -> None:
    for _ in collection.write(rpc, message, message.SerializeToString()):
        pass


@pytest.mark.parametrize("earlier", [False, True], ids=["", "an image of an earlier version"])
def test_the_log_is_read_by_the_vectors_of_its_time(tmp_path: Path, earlier: bool) -> None:
    folder = _made(tmp_path)
    if earlier:
        (folder.newest_image()[1] / IMAGE_DESCRIPTION).unlink()
    serving = _opened(folder)
    _write(serving, "Upsert", _upsert({"dot": _dense(1.0, 2.0), "euclid": _dense(3.0, 4.0)}))
    for name in ("dot", "sparse", "unknown"):
        _write(serving, "DeleteVectorName", pb.DeleteVectorNameRequest(vector_name=name))
    with pytest.raises(QdrantError, match="Not existing vector name error: dot"):
        _write(serving, "Upsert", _upsert({"dot": _dense(1.0, 2.0)}))
    added = pb.CreateVectorNameRequest(vector_name="dot")
    added.dense_config.size, added.dense_config.distance = 3, pb.Distance.Dot
    _write(serving, "CreateVectorName", added)
    point = _upsert({"dot": _dense(1.0, 2.0, 3.0)})
    point.points[0].id.num = 8
    _write(serving, "Upsert", point)
    # A kill: what serves next has the image, and reads the log.
    again = _opened(folder)
    found = {record.id: record.vector for record in again.shard.retrieve([7, 8], True, True)}
    assert found == {7: {"euclid": [3.0, 4.0]}, 8: {"dot": [1.0, 2.0, 3.0]}}
    kept = pb.CreateCollection.FromString(folder.description.read_bytes())
    assert kept == again.description == serving.description
    assert kept.vectors_config.params_map.map["dot"].size == 3
    assert not kept.sparse_vectors_config.map


def test_the_last_vector_stays(tmp_path: Path) -> None:
    description = pb.CreateCollection(collection_name="notes")
    description.sparse_vectors_config.map["only"].SetInParent()
    folder = CollectionFolder(tmp_path)
    collections.create(folder, description)
    folder.description.write_bytes(description.SerializeToString())
    with pytest.raises(QdrantError, match="DeleteVectorNameRequest of the last vector"):
        _write(_opened(folder), "DeleteVectorName", pb.DeleteVectorNameRequest(vector_name="only"))
