"""Documents in PostgreSQL through asyncpg: one module an idea, all over one pool of connections."""
