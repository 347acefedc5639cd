"""A collection's configuration, from Qdrant's messages to Edge, and the checks that a write must pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import qdrant_edge as edge
from qdrant_client import grpc as pb

from services.embedded.qdrant_server.conversion import AnyVector, PointId, finite
from services.embedded.qdrant_server.errors import not_served, serve_only, wrong_input
from services.embedded.qdrant_server.quantization import quantization

_CREATE_FIELDS = [
    "collection_name",
    "vectors_config",
    "sparse_vectors_config",
    "hnsw_config",
    "optimizers_config",
    "on_disk_payload",
    "quantization_config",
    "shard_number",
    "replication_factor",
    "write_consistency_factor",
    "timeout",
    "metadata",
]
_DISTANCES = {
    pb.Distance.Cosine: edge.Distance.Cosine,
    pb.Distance.Euclid: edge.Distance.Euclid,
    pb.Distance.Dot: edge.Distance.Dot,
    pb.Distance.Manhattan: edge.Distance.Manhattan,
}
_DATATYPES = {
    pb.Datatype.Float32: edge.VectorStorageDatatype.Float32,
    pb.Datatype.Float16: edge.VectorStorageDatatype.Float16,
    pb.Datatype.Uint8: edge.VectorStorageDatatype.Uint8,
}
_DENSE_FIELDS = (
    "size",
    "distance",
    "hnsw_config",
    "quantization_config",
    "on_disk",
    "datatype",
    "multivector_config",
)
_MAX_DIMENSION = 65536
_MAX_HALF = 65504
"""The largest number of 16 bits; what is larger would be stored as infinity."""

_UPKEEP_HNSW = {"max_indexing_threads": 1}
"""One core is left to those who wait for answers."""
_UPKEEP_OPTIMIZERS = {"max_segment_size": 100_000, "indexing_threshold": 5_000}
"""In KB of vectors. A segment that has its full size is not built again while a collection grows: 65,000 points at 384
dimensions. Fewer points than 3,300 are searched as fast without an index."""

DEFAULT_HNSW: dict[str, Any] = {"m": 16, "ef_construct": 100, "full_scan_threshold": 10_000}
"""A Qdrant server's defaults (config/config.yaml)."""


def configuration(message: pb.CreateCollection) -> edge.EdgeConfig:
    """Return Edge's configuration of a collection.

    Edge writes no log of its own: `oplog` is the log.
    """
    serve_only(message, _CREATE_FIELDS)
    for name in ("shard_number", "replication_factor", "write_consistency_factor"):
        if message.HasField(name) and getattr(message, name) != 1:
            raise not_served(f"CreateCollection.{name} other than 1")
    if not dense_params(message) and not message.sparse_vectors_config.map:
        raise not_served("CreateCollection without vectors")
    options: dict[str, Any] = {"wal_enabled": False}
    if message.HasField("hnsw_config"):
        options["hnsw_config"] = hnsw(message.hnsw_config)
    if message.HasField("optimizers_config"):
        options["optimizers"] = _optimizers(message.optimizers_config)
    if message.HasField("on_disk_payload"):
        options["on_disk_payload"] = message.on_disk_payload
    if message.HasField("quantization_config"):
        options["quantization_config"] = quantization(message.quantization_config)
    return edge.EdgeConfig(
        vectors={name: dense(name, params) for name, params in dense_params(message).items()},
        sparse_vectors={name: _sparse(params) for name, params in message.sparse_vectors_config.map.items()},
        **options,
    )


def with_changes(message: pb.CreateCollection, change: pb.UpdateCollection) -> pb.CreateCollection:
    """Return the description of a collection with changed settings.

    Raises:
        QdrantError: UNIMPLEMENTED or INVALID_ARGUMENT for a setting that Edge does not take.
    """
    serve_only(change, ("collection_name", "timeout", "optimizers_config", "hnsw_config", "params", "metadata"))
    serve_only(change.params, ("on_disk_payload",))
    changed = pb.CreateCollection()
    changed.CopyFrom(message)
    if change.HasField("optimizers_config"):
        changed.optimizers_config.MergeFrom(change.optimizers_config)
    if change.HasField("hnsw_config"):
        changed.hnsw_config.MergeFrom(change.hnsw_config)
    if change.params.HasField("on_disk_payload"):
        changed.on_disk_payload = change.params.on_disk_payload
    for name, value in change.metadata.items():
        changed.metadata[name].CopyFrom(value)
    configuration(changed)
    return changed


def with_vector(message: pb.CreateCollection, added: pb.CreateVectorNameRequest) -> pb.CreateCollection:
    """Return the description of a collection with one more vector; one that it has already stays as it is."""
    changed = pb.CreateCollection()
    changed.CopyFrom(message)
    if added.HasField("dense_config"):
        if added.vector_name not in dense_params(message):
            vectors = changed.vectors_config.params_map.map
            vectors[added.vector_name].CopyFrom(added_params(added.dense_config))
    elif added.vector_name not in changed.sparse_vectors_config.map:
        params = changed.sparse_vectors_config.map[added.vector_name]
        if added.sparse_config.HasField("modifier"):
            params.modifier = added.sparse_config.modifier
    return changed


def without_vector(message: pb.CreateCollection, removed: pb.DeleteVectorNameRequest) -> pb.CreateCollection:
    """Return the description of a collection without a vector."""
    changed = pb.CreateCollection()
    changed.CopyFrom(message)
    for vectors in (changed.sparse_vectors_config.map, changed.vectors_config.params_map.map):
        if removed.vector_name in vectors:
            del vectors[removed.vector_name]
    return changed


def with_vectors_of(message: pb.CreateCollection, other: pb.CreateCollection) -> pb.CreateCollection:
    """Return the description of a collection with the vectors of another description."""
    changed = pb.CreateCollection()
    changed.CopyFrom(message)
    for field in ("vectors_config", "sparse_vectors_config"):
        changed.ClearField(field)
        if other.HasField(field):
            getattr(changed, field).CopyFrom(getattr(other, field))
    return changed


def added_params(message: pb.DenseVectorCreationConfig) -> pb.VectorParams:
    """Return the parameters of a dense vector that is added."""
    return pb.VectorParams(**{field.name: value for field, value in message.ListFields()})


def upkeep_configuration(message: pb.CreateCollection) -> edge.EdgeConfig:
    """Return a collection's configuration for the time of an upkeep, with defaults for what its creator left open."""
    asked = pb.CreateCollection()
    asked.CopyFrom(message)
    part: Any
    for part, defaults in ((asked.hnsw_config, _UPKEEP_HNSW), (asked.optimizers_config, _UPKEEP_OPTIMIZERS)):
        for name, value in defaults.items():
            if not part.HasField(name):
                setattr(part, name, value)
    return configuration(asked)


def dense_params(message: pb.CreateCollection) -> dict[str, pb.VectorParams]:
    """Return the dense vectors of a collection by name; the name of the unnamed one is empty."""
    kind = message.vectors_config.WhichOneof("config")
    if kind == "params":
        return {"": message.vectors_config.params}
    if kind == "params_map":
        return dict(message.vectors_config.params_map.map)
    return {}


def hnsw(message: pb.HnswConfigDiff) -> edge.HnswIndexConfig:
    """Return an HNSW configuration; what is not set gets the server's default."""
    serve_only(message, (*DEFAULT_HNSW, "max_indexing_threads", "on_disk", "payload_m", "inline_storage"))
    given = {field.name: value for field, value in message.ListFields()}
    return edge.HnswIndexConfig(**{**DEFAULT_HNSW, **given})


def _optimizers(message: pb.OptimizersConfigDiff) -> edge.EdgeOptimizersConfig:
    served = [
        "deleted_threshold",
        "vacuum_min_vector_number",
        "default_segment_number",
        "max_segment_size",
        "indexing_threshold",
        "prevent_unoptimized",
    ]
    serve_only(message, served)
    return edge.EdgeOptimizersConfig(**{field.name: value for field, value in message.ListFields()})


def dense(name: str, message: pb.VectorParams) -> edge.EdgeVectorParams:
    """Return Edge's parameters of a dense vector.

    Raises:
        QdrantError: INVALID_ARGUMENT or UNIMPLEMENTED for parameters that Qdrant or Edge refuses.
    """
    serve_only(message, _DENSE_FIELDS)
    if not 1 <= message.size <= _MAX_DIMENSION:
        raise wrong_input(f"vectors_config{f'.{name}' if name else ''}.size: must be 1 to {_MAX_DIMENSION}")
    if message.distance not in _DISTANCES:
        raise wrong_input(f"vectors_config{f'.{name}' if name else ''}.distance: must be set")
    options: dict[str, Any] = {}
    if message.HasField("hnsw_config"):
        options["hnsw_config"] = hnsw(message.hnsw_config)
    if message.HasField("quantization_config"):
        options["quantization_config"] = quantization(message.quantization_config)
    if message.HasField("on_disk"):
        options["on_disk"] = message.on_disk
    if message.HasField("datatype") and message.datatype != pb.Datatype.Default:
        if message.datatype not in _DATATYPES:
            raise not_served(f"VectorParams.datatype {pb.Datatype.Name(message.datatype)}")
        options["datatype"] = _DATATYPES[message.datatype]
    if message.HasField("multivector_config"):
        options["multivector_config"] = edge.MultiVectorConfig(edge.MultiVectorComparator.MaxSim)
    return edge.EdgeVectorParams(size=message.size, distance=_DISTANCES[message.distance], **options)


def _sparse(message: pb.SparseVectorParams) -> edge.EdgeSparseVectorParams:
    options: dict[str, Any] = {}
    if message.HasField("index"):
        serve_only(message.index, ("full_scan_threshold", "on_disk"))
        options.update({field.name: value for field, value in message.index.ListFields()})
    if message.modifier == pb.Modifier.Idf:
        options["modifier"] = edge.Modifier.Idf
    return edge.EdgeSparseVectorParams(**options)


@dataclass(frozen=True, slots=True)
class VectorSchema:
    """The vectors that points of a collection may carry: dense ones with their dimension, and sparse ones."""

    dimensions: Mapping[str, int]
    multi: frozenset[str]
    sparse: frozenset[str]
    half: frozenset[str]
    """Dense vectors whose numbers are stored in 16 bits as they come, which cosine's are not."""
    limited: bool = True
    """Whether what this server does not take is refused. What is in the log was taken, if by an earlier version."""

    @classmethod
    def of(cls, message: pb.CreateCollection) -> VectorSchema:
        """Return the schema that a collection was created with."""
        dense = dense_params(message)
        return cls(
            dimensions={name: params.size for name, params in dense.items()},
            multi=frozenset(name for name, params in dense.items() if params.HasField("multivector_config")),
            sparse=frozenset(message.sparse_vectors_config.map),
            half=frozenset(
                name
                for name, params in dense.items()
                if params.datatype == pb.Datatype.Float16 and params.distance != pb.Distance.Cosine
            ),
        )

    def check(self, identity: PointId, vectors: Mapping[str, AnyVector]) -> None:
        """Refuse vectors of a point that the collection cannot hold.

        Edge finds a wrong vector only when it reaches it, and keeps what came before. So the whole request is checked
        first, and it is stored as a whole or not at all.

        Raises:
            QdrantError: a name is unknown, or a vector has another form or dimension.
        """
        for name, value in vectors.items():
            field = f"point {identity}: {f'vectors.{name}' if name else 'vector'}"
            if self.limited:
                finite(field, value)
                if name in self.half:
                    _fits_half(field, value)
            if name in self.sparse:
                if not isinstance(value, edge.SparseVector):
                    raise wrong_input(f"Conversion between dense and sparse vectors failed: {name}")
            elif name in self.dimensions:
                self._check_dense(name, value)
            else:
                raise wrong_input(f"Not existing vector name error: {name}")

    def _check_dense(self, name: str, value: AnyVector) -> None:
        if isinstance(value, edge.SparseVector):
            raise wrong_input(f"Conversion between sparse and dense vectors failed: {name}")
        several = bool(value) and isinstance(value[0], list)
        if several and name not in self.multi:
            raise wrong_input(f"Conversion between multi and regular vectors failed: {name}")
        if not value and name in self.multi:
            raise wrong_input("multivector: must hold at least one vector")
        for size in {len(row) for row in value if isinstance(row, list)} if several else {len(value)}:
            if size != self.dimensions[name]:
                raise wrong_input(f"Vector dimension error: expected dim: {self.dimensions[name]}, got {size}")


def _fits_half(field: str, value: Any) -> None:
    rows = value if value and isinstance(value[0], list) else [value]
    if any(abs(number) > _MAX_HALF for row in rows for number in row):
        raise wrong_input(f"{field}: must hold numbers of at most {_MAX_HALF}, as it is stored in 16 bits")
