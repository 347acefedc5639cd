"""The Cypher that the graph store runs, in the part of the language that Neo4j and ArcadeDB share."""

from __future__ import annotations

from typing import NamedTuple


class Migration(NamedTuple):
    """What a version of the schema adds or takes away."""

    statements: tuple[str, ...]
    scanning: bool = False
    """Whether it is only for engines that look through the nodes of an owner without an index."""


MIGRATIONS = (
    Migration(
        (
            "CREATE CONSTRAINT tiku_entity_id IF NOT EXISTS FOR (n:Entity) REQUIRE n.id IS UNIQUE",
            "CREATE CONSTRAINT tiku_sentence_id IF NOT EXISTS FOR (n:Sentence) REQUIRE n.id IS UNIQUE",
            "CREATE CONSTRAINT tiku_chunk_id IF NOT EXISTS FOR (n:Chunk) REQUIRE n.id IS UNIQUE",
            "CREATE CONSTRAINT tiku_relation_id IF NOT EXISTS FOR (n:Relation) REQUIRE n.id IS UNIQUE",
            "CREATE CONSTRAINT tiku_alias_id IF NOT EXISTS FOR (n:Alias) REQUIRE n.id IS UNIQUE",
            "CREATE CONSTRAINT tiku_decision_id IF NOT EXISTS FOR (n:Decision) REQUIRE n.id IS UNIQUE",
            "CREATE INDEX tiku_entity_owner IF NOT EXISTS FOR (n:Entity) ON (n.owner_id)",
            "CREATE INDEX tiku_sentence_chunk IF NOT EXISTS FOR (n:Sentence) ON (n.chunk_node)",
            "CREATE INDEX tiku_decision_owner IF NOT EXISTS FOR (n:Decision) ON (n.owner_id)",
            *(
                f"CREATE INDEX tiku_{label.lower()}_{field} IF NOT EXISTS FOR (n:{label}) ON (n.{field}_id)"
                for label in ("Sentence", "Chunk", "Relation", "Alias")
                for field in ("owner", "document")
            ),
        )
    ),
    Migration(
        tuple(
            f"DROP INDEX tiku_{name}_owner IF EXISTS" for name in ("entity", "sentence", "chunk", "relation", "alias")
        ),
        scanning=True,
    ),
    # By it callers look for entities in Cypher of their own.
    Migration(("CREATE INDEX tiku_entity_key IF NOT EXISTS FOR (n:Entity) ON (n.key)",)),
)
"""What each version of the schema adds; a new one is appended, and none that has landed is edited."""

SCHEMA_CONSTRAINT = "CREATE CONSTRAINT tiku_schema_name IF NOT EXISTS FOR (n:TikuSchema) REQUIRE n.name IS UNIQUE"
SCHEMA_VERSION = "MATCH (n:TikuSchema {name: 'graph'}) RETURN n.version AS version"
SET_SCHEMA_VERSION = "MERGE (n:TikuSchema {name: 'graph'}) SET n.version = $version"

# An entity is written even where it is there already: that locks it, so that a deletion waits, or is tried again.
MERGE_ENTITIES = """
UNWIND $rows AS row
MERGE (e:Entity {id: row.id})
SET e.owner_id = $owner, e.key = row.key
"""
MERGE_SENTENCES = """
UNWIND $rows AS row
MERGE (n:Sentence {id: row.id})
SET n += row.props
"""
MERGE_CHUNKS = """
UNWIND $rows AS row
MERGE (n:Chunk {id: row.id})
SET n += row.props
"""
KNOWN_MENTIONS = """
UNWIND $ids AS id
MATCH (s:Sentence {id: id})-[m:MENTIONS]->()
RETURN m.id AS id
"""
CREATE_MENTIONS = """
UNWIND $rows AS row
MATCH (s:Sentence {id: row.sentence})
MATCH (e:Entity {id: row.entity})
CREATE (s)-[:MENTIONS {id: row.id, start: row.start, end: row.end, surface: row.surface, kind: row.kind}]->(e)
RETURN count(*) AS n
"""
KNOWN_RELATIONS = "UNWIND $ids AS id MATCH (n:Relation {id: id}) RETURN n.id AS id"
CREATE_RELATIONS = """
UNWIND $rows AS row
MATCH (a:Entity {id: row.from})
MATCH (b:Entity {id: row.to})
CREATE (n:Relation {id: row.id})
SET n += row.props
CREATE (n)-[:FROM]->(a)
CREATE (n)-[:TO]->(b)
RETURN count(*) AS n
"""
KNOWN_ALIASES = "UNWIND $ids AS id MATCH (n:Alias {id: id}) RETURN n.id AS id"
CREATE_ALIASES = """
UNWIND $rows AS row
MATCH (a:Entity {id: row.from})
MATCH (b:Entity {id: row.to})
CREATE (n:Alias {id: row.id})
SET n += row.props
CREATE (n)-[:FIRST]->(a)
CREATE (n)-[:SECOND]->(b)
RETURN count(*) AS n
"""

# Of two conditions at once, ArcadeDB may look up the owner, and then reads all that the owner has.
SOME_SENTENCES = """
MATCH (s:Sentence {document_id: $document}) WITH s WHERE s.owner_id = $owner
RETURN s.id AS id LIMIT $limit
"""
MENTIONED_BY = """
UNWIND $ids AS id
MATCH (s:Sentence {id: id})-[:MENTIONS]->(e:Entity)
RETURN DISTINCT e.id AS id ORDER BY id
"""
LOCK_ENTITIES = """
UNWIND $ids AS id
MATCH (e:Entity {id: id})
SET e.owner_id = $owner
"""
DELETE_SENTENCES = """
UNWIND $ids AS id
MATCH (s:Sentence {id: id})
DETACH DELETE s
"""
DELETE_UNMENTIONED = """
UNWIND $ids AS id
MATCH (e:Entity {id: id}) WHERE NOT EXISTS { MATCH (e)<-[:MENTIONS]-() }
DELETE e
"""
DELETE_OTHERS = tuple(
    f"MATCH (n:{label} {{document_id: $document}}) WITH n WHERE n.owner_id = $owner DETACH DELETE n"
    for label in ("Relation", "Alias", "Chunk")
)

COUNTS = (
    "MATCH (n:Entity {owner_id: $owner}) RETURN count(n) AS n",
    "MATCH (n:Sentence {owner_id: $owner})-[m:MENTIONS]->() RETURN count(m) AS n",
    *(f"MATCH (n:{label} {{owner_id: $owner}}) RETURN count(n) AS n" for label in ("Relation", "Alias", "Chunk")),
)
_LABELS = ("Sentence", "Relation", "Alias", "Chunk", "Decision", "Entity")
ALL_COUNTS = {label: f"MATCH (n:{label}) RETURN count(n) AS n" for label in _LABELS}
CLEAR = tuple(f"MATCH (n:{label}) WITH n LIMIT $limit DETACH DELETE n RETURN count(*) AS n" for label in _LABELS)
SURFACES = """
UNWIND $ids AS id
MATCH (e:Entity {id: id})<-[m:MENTIONS]-(s)
WHERE e.owner_id = $owner AND (size($documents) = 0 OR s.document_id IN $documents)
RETURN id, e.key AS key, m.surface AS surface, m.kind AS kind, count(m) AS n
"""
_SENTENCE_PROPERTIES = ("text", "start", "end", "page", "document_id", "document_name", "chunk_id")
_SENTENCE = f"{{{', '.join(f'{name}: s.{name}' for name in _SENTENCE_PROPERTIES)}}}"
FIRST_MENTIONS = f"""
UNWIND $ids AS id
MATCH (e:Entity {{id: id}}) WHERE e.owner_id = $owner
CALL {{
  WITH e
  MATCH (e)<-[m:MENTIONS]-(s:Sentence)
  WHERE size($documents) = 0 OR s.document_id IN $documents
  WITH m, s ORDER BY s.document_id, m.start, m.end, m.kind LIMIT $most
  RETURN collect({{start: m.start, end: m.end, surface: m.surface, kind: m.kind, sentence: {_SENTENCE}}}) AS mentions
}}
RETURN id, mentions
"""
KNOWN = "UNWIND $ids AS id MATCH (e:Entity {id: id}) WHERE e.owner_id = $owner RETURN id"
FREQUENT = """
MATCH (e:Entity {owner_id: $owner})
RETURN e.id AS id, COUNT { (e)<-[:MENTIONS]-() } AS n ORDER BY n DESC, id LIMIT $limit
"""
FREQUENT_IN = """
UNWIND $documents AS document
MATCH (s:Sentence {document_id: document})-[m:MENTIONS]->(e:Entity) WHERE s.owner_id = $owner
WITH e.id AS id, count(m) AS n
RETURN id, n ORDER BY n DESC, id LIMIT $limit
"""
NEIGHBORS = """
UNWIND $ids AS id
MATCH (e:Entity {id: id}) WHERE e.owner_id = $owner
CALL {
  WITH e
  MATCH (e)<-[:MENTIONS]-(s:Sentence)
  WHERE size($documents) = 0 OR s.document_id IN $documents
  WITH DISTINCT e, s LIMIT $walked
  MATCH (s)-[:MENTIONS]->(o:Entity) WHERE o.id <> e.id
  WITH o, count(DISTINCT s) AS n
  WITH o.id AS other, n ORDER BY n DESC, other LIMIT $degree
  RETURN collect({id: other, n: n}) AS found
}
RETURN id, found
"""
MEETINGS = """
UNWIND $ids AS id
MATCH (e:Entity {id: id}) WHERE e.owner_id = $owner
CALL {
  WITH e
  MATCH (e)<-[:MENTIONS]-(s:Sentence)
  WHERE size($documents) = 0 OR s.document_id IN $documents
  WITH DISTINCT e, s LIMIT $walked
  MATCH (s)-[:MENTIONS]->(o:Entity) WHERE o.id > e.id AND o.id IN $ids
  WITH o, collect(DISTINCT s.id) AS found
  RETURN o.id AS other, size(found) AS n, found[0..$most] AS some
}
RETURN id, other, n, some ORDER BY n DESC, id, other LIMIT $limit
"""
SENTENCES = f"""
UNWIND $ids AS id
MATCH (s:Sentence {{id: id}})
RETURN id, {", ".join(f"s.{name} AS {name}" for name in _SENTENCE_PROPERTIES)}
"""
# What follows a WITH begins at what is known by then: ArcadeDB goes through all nodes of a label that stands first.
RELATIONS = f"""
UNWIND $ids AS id
MATCH (e:Entity {{id: id}})<-[:FROM|TO]-(s:Relation)
WHERE e.owner_id = $owner AND (size($documents) = 0 OR s.document_id IN $documents)
WITH DISTINCT s
MATCH (s)-[:FROM]->(a:Entity), (s)-[:TO]->(b:Entity)
WITH a.id AS a, b.id AS b, s ORDER BY s.document_id, s.start
WITH a, b, s.predicate AS predicate, count(s) AS n, collect({_SENTENCE}) AS sources
RETURN a, b, predicate, n, sources[0..$most] AS sources ORDER BY n DESC, a, b, predicate LIMIT $limit
"""
ALIASES = f"""
UNWIND $ids AS id
MATCH (e:Entity {{id: id}})<-[:FIRST|SECOND]-(s:Alias) WHERE e.owner_id = $owner
WITH DISTINCT s LIMIT $limit
MATCH (s)-[:FIRST]->(a:Entity), (s)-[:SECOND]->(b:Entity)
WITH a, b, s ORDER BY s.document_id, s.start
WITH a.id AS a, b.id AS b, a.key AS first, b.key AS second, collect({_SENTENCE}) AS sources
RETURN a, b, first, second, sources ORDER BY a, b
"""
_DECISION = ", ".join(
    f"d.{name} AS {name}" for name in ("first_id", "second_id", "first_key", "second_key", "same", "decided")
)
DECISIONS = f"""
MATCH (d:Decision {{owner_id: $owner}}) WHERE d.first_id IN $ids OR d.second_id IN $ids
RETURN {_DECISION} ORDER BY d.id
"""
ALL_DECISIONS = f"""
MATCH (d:Decision) WHERE d.id > $after
RETURN d.id AS id, d.owner_id AS owner, {_DECISION} ORDER BY d.id LIMIT $limit
"""
DECIDE = """
MERGE (d:Decision {id: $id})
SET d.owner_id = $owner, d.first_id = $first_id, d.second_id = $second_id, d.first_key = $first_key,
  d.second_key = $second_key, d.same = $same, d.decided = $decided
"""
UNDO = "MATCH (d:Decision {id: $id}) WHERE d.owner_id = $owner DELETE d"
_OCCURRENCES = """
UNWIND $ids AS id
MATCH (e:Entity {{id: id}}) WHERE e.owner_id = $owner{rare}
CALL {{
  WITH e
  MATCH (e)<-[:MENTIONS]-(s:Sentence)
  WHERE size($documents) = 0 OR s.document_id IN $documents
  WITH DISTINCT s LIMIT $sentences
  RETURN collect(s.chunk_id) AS chunks
}}
RETURN id, chunks
"""
OCCURRENCES = _OCCURRENCES.format(rare="")
# Both engines keep how many edges an entity has beside it: no sentence is read of one that is left out.
RARE_OCCURRENCES = _OCCURRENCES.format(rare=" AND COUNT { (e)<-[:MENTIONS]-() } <= $sentences")
ENTITIES_OF = """
UNWIND $ids AS id
MATCH (s:Sentence {chunk_node: id})-[:MENTIONS]->(e:Entity)
RETURN id, collect(s.id) AS sentences, collect(e.id) AS entities
"""
ADDED = "UNWIND $ids AS id MATCH (c:Chunk {id: id}) RETURN c.chunk_id AS chunk_id"
CHUNKS = """
MATCH (c:Chunk {document_id: $document}) WITH c WHERE c.owner_id = $owner
RETURN c.chunk_id AS chunk_id, c.ordinal AS ordinal ORDER BY ordinal
"""
