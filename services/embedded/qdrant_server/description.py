"""What a collection says about itself: its configuration, counts and payload indexes."""

from __future__ import annotations

from qdrant_client import grpc as pb

from services.embedded.qdrant_server.collection import Collection
from services.embedded.qdrant_server.indexes import schema_info
from services.embedded.qdrant_server.schema import DEFAULT_HNSW


def collection_info(collection: Collection) -> pb.CollectionInfo:
    """Return what a Qdrant server says about a collection; settings that were not given have the server's defaults."""
    info = collection.shard.info()
    description = collection.description
    hnsw = pb.HnswConfigDiff(**DEFAULT_HNSW, max_indexing_threads=0, on_disk=False)
    hnsw.MergeFrom(description.hnsw_config)
    optimizer = pb.OptimizersConfigDiff(
        deleted_threshold=0.2,
        vacuum_min_vector_number=1000,
        default_segment_number=0,
        indexing_threshold=10_000,
        flush_interval_sec=5,
    )
    optimizer.MergeFrom(description.optimizers_config)
    params = pb.CollectionParams(
        shard_number=1,
        replication_factor=1,
        write_consistency_factor=1,
        on_disk_payload=description.on_disk_payload,
        vectors_config=description.vectors_config,
    )
    if not params.vectors_config.HasField("config"):
        params.vectors_config.params_map.SetInParent()  # As the server says that there are no dense vectors.
    if description.HasField("sparse_vectors_config"):
        params.sparse_vectors_config.CopyFrom(description.sparse_vectors_config)
    quantization = description.quantization_config if description.HasField("quantization_config") else None
    return pb.CollectionInfo(
        status=pb.CollectionStatus.Green,
        optimizer_status=pb.OptimizerStatus(ok=True),
        segments_count=info.segments_count,
        points_count=info.points_count,
        indexed_vectors_count=info.indexed_vectors_count,
        config=pb.CollectionConfig(
            params=params,
            hnsw_config=hnsw,
            optimizer_config=optimizer,
            quantization_config=quantization,
            wal_config=pb.WalConfigDiff(wal_capacity_mb=32, wal_segments_ahead=0),
            metadata=dict(description.metadata),
        ),
        payload_schema={name: schema_info(index) for name, index in info.payload_schema.items()},
    )
