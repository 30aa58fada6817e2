"""The migrations of the schema. Each runs once, in order.

To change the schema, append a migration here and its name to `db.schema.MIGRATION_NAMES`.
"""

from __future__ import annotations

from pathlib import Path

from sqlite_utils import Database, Migrations

from db import schema
from db.schema import MIGRATION_SET, SchemaError
from db.states import TABLES

MIGRATIONS = Migrations(MIGRATION_SET)


def migrate(database: Database, path: Path, *, read_only: bool) -> None:
    """Apply pending migrations under a write lock.

    Raises:
        SchemaError: A newer version wrote the database, or migrations are pending and `read_only`
            is set.
    """
    applied = {migration.name for migration in MIGRATIONS.applied(database)}
    unknown = applied.difference(schema.MIGRATION_NAMES)
    if unknown:
        raise SchemaError(
            f"{path}: written by a newer version of htrans-tui ({', '.join(sorted(unknown))}); "
            "upgrade htrans-tui"
        )
    if not MIGRATIONS.pending(database):
        return
    if read_only:
        raise SchemaError(
            f"{path}: the schema is older than this version; open the database writable once"
        )
    connection = database.conn
    connection.execute("BEGIN IMMEDIATE")
    try:
        MIGRATIONS.apply(database)
    except BaseException:
        connection.rollback()
        raise
    connection.execute("COMMIT")


def _run(database: Database, statements: str) -> None:
    for statement in statements.split(";;"):
        if statement.strip():
            database.conn.execute(statement)


_CORPORA = """
    CREATE TABLE corpora (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL UNIQUE,
        language TEXT NOT NULL,
        format TEXT NOT NULL,
        taxonomy TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('importing', 'ready')),
        max_words INTEGER NOT NULL,
        importer_pid INTEGER,
        importer_started REAL,
        documents INTEGER NOT NULL DEFAULT 0,
        train INTEGER NOT NULL DEFAULT 0,
        test INTEGER NOT NULL DEFAULT 0,
        levels INTEGER NOT NULL DEFAULT 0,
        created_at REAL NOT NULL,
        request TEXT,
        progress TEXT
    ) STRICT;;
    CREATE TABLE categories (
        id INTEGER PRIMARY KEY,
        corpus_id INTEGER NOT NULL REFERENCES corpora (id) ON DELETE CASCADE,
        key TEXT NOT NULL,
        name TEXT NOT NULL,
        parent_id INTEGER REFERENCES categories (id),
        level INTEGER NOT NULL,
        position INTEGER NOT NULL,
        height INTEGER NOT NULL,
        UNIQUE (corpus_id, key)
    ) STRICT;;
    CREATE INDEX categories_parent ON categories (parent_id);;
    CREATE TABLE documents (
        id INTEGER PRIMARY KEY,
        corpus_id INTEGER NOT NULL REFERENCES corpora (id) ON DELETE CASCADE,
        number INTEGER NOT NULL,
        key TEXT NOT NULL,
        split TEXT NOT NULL CHECK (split IN ('train', 'test')),
        text TEXT NOT NULL,
        UNIQUE (corpus_id, number),
        UNIQUE (corpus_id, key)
    ) STRICT;;
    CREATE TABLE document_categories (
        category_id INTEGER NOT NULL REFERENCES categories (id) ON DELETE CASCADE,
        number INTEGER NOT NULL,
        stated INTEGER NOT NULL,
        PRIMARY KEY (category_id, number)
    ) STRICT, WITHOUT ROWID;;
    CREATE TABLE vectors (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL UNIQUE,
        source TEXT NOT NULL,
        words INTEGER NOT NULL,
        dimensions INTEGER NOT NULL,
        created_at REAL NOT NULL
    ) STRICT
"""
_RUNS = """
    CREATE TABLE runs (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL UNIQUE,
        corpus_id INTEGER NOT NULL REFERENCES corpora (id),
        vectors_id INTEGER REFERENCES vectors (id),
        system TEXT NOT NULL,
        settings TEXT NOT NULL,
        seed INTEGER NOT NULL,
        coverage REAL,
        kernel TEXT,
        state TEXT NOT NULL,
        created_at REAL NOT NULL,
        started_at REAL,
        finished_at REAL
    ) STRICT;;
    CREATE TABLE run_categories (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        category_id INTEGER NOT NULL REFERENCES categories (id),
        parent_id INTEGER REFERENCES run_categories (id),
        positives INTEGER NOT NULL,
        cost REAL NOT NULL DEFAULT 0,
        state TEXT NOT NULL,
        held INTEGER NOT NULL DEFAULT 0,
        stale INTEGER NOT NULL DEFAULT 0,
        attempt INTEGER NOT NULL DEFAULT 1,
        kept_trial_id INTEGER REFERENCES trials (id),
        lead_id INTEGER REFERENCES run_categories (id),
        class_weight REAL,
        UNIQUE (run_id, category_id)
    ) STRICT;;
    CREATE INDEX run_categories_parent ON run_categories (parent_id);;
    CREATE INDEX run_categories_lead ON run_categories (lead_id);;
    CREATE INDEX run_categories_kept ON run_categories (kept_trial_id);;
    CREATE TABLE attempts (
        run_category_id INTEGER NOT NULL REFERENCES run_categories (id) ON DELETE CASCADE,
        attempt INTEGER NOT NULL,
        origin TEXT NOT NULL CHECK (origin IN ('parent', 'scratch', 'current')),
        changes TEXT NOT NULL DEFAULT '{}',
        kept_trial_id INTEGER REFERENCES trials (id),
        created_at REAL NOT NULL,
        PRIMARY KEY (run_category_id, attempt)
    ) STRICT, WITHOUT ROWID;;
    CREATE INDEX attempts_kept ON attempts (kept_trial_id);;
    CREATE TABLE trials (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        run_category_id INTEGER NOT NULL REFERENCES run_categories (id) ON DELETE CASCADE,
        attempt INTEGER NOT NULL,
        class_weight REAL NOT NULL,
        state TEXT NOT NULL,
        owner INTEGER REFERENCES workers (id),
        claim INTEGER NOT NULL DEFAULT 0,
        crashes INTEGER NOT NULL DEFAULT 0,
        reason TEXT,
        seconds REAL NOT NULL DEFAULT 0,
        epoch INTEGER,
        kept_epoch INTEGER,
        training_loss REAL,
        validation_loss REAL,
        precision REAL,
        recall REAL,
        f1 REAL,
        source_trial_id INTEGER REFERENCES trials (id),
        model TEXT,
        sha256 TEXT,
        embeddings TEXT,
        rung INTEGER NOT NULL DEFAULT 0,
        scorings INTEGER,
        UNIQUE (run_category_id, attempt, class_weight)
    ) STRICT;;
    CREATE INDEX trials_state ON trials (state);;
    CREATE INDEX trials_owner ON trials (owner);;
    CREATE INDEX trials_embeddings ON trials (embeddings);;
    CREATE INDEX trials_source ON trials (source_trial_id);;
    CREATE INDEX trials_scorings ON trials (id) WHERE scorings IS NOT NULL;;
    CREATE TABLE epochs (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        trial_id INTEGER NOT NULL REFERENCES trials (id) ON DELETE CASCADE,
        epoch INTEGER NOT NULL,
        training_loss REAL NOT NULL,
        validation_loss REAL NOT NULL,
        precision REAL NOT NULL,
        recall REAL NOT NULL,
        f1 REAL NOT NULL,
        seconds REAL NOT NULL,
        UNIQUE (trial_id, epoch)
    ) STRICT;;
    CREATE TABLE progress (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        trial_id INTEGER NOT NULL REFERENCES trials (id) ON DELETE CASCADE,
        epoch INTEGER NOT NULL,
        batch INTEGER NOT NULL,
        batches INTEGER NOT NULL,
        loss REAL NOT NULL,
        documents_per_second REAL NOT NULL,
        at REAL NOT NULL
    ) STRICT;;
    CREATE INDEX progress_trial ON progress (trial_id);;
    CREATE TABLE measures (
        trial_id INTEGER NOT NULL REFERENCES trials (id) ON DELETE CASCADE,
        run_category_id INTEGER NOT NULL REFERENCES run_categories (id) ON DELETE CASCADE,
        split TEXT NOT NULL CHECK (split IN ('test', 'validation')),
        tp INTEGER NOT NULL,
        fp INTEGER NOT NULL,
        fn INTEGER NOT NULL,
        f1 REAL NOT NULL,
        PRIMARY KEY (trial_id, run_category_id, split)
    ) STRICT, WITHOUT ROWID;;
    CREATE INDEX measures_category ON measures (run_category_id);;
    CREATE TABLE validation_fits (
        trial_id INTEGER NOT NULL REFERENCES trials (id) ON DELETE CASCADE,
        run_category_id INTEGER NOT NULL REFERENCES run_categories (id) ON DELETE CASCADE,
        threshold REAL NOT NULL,
        slope REAL,
        intercept REAL,
        PRIMARY KEY (trial_id, run_category_id)
    ) STRICT, WITHOUT ROWID;;
    CREATE INDEX validation_fits_category ON validation_fits (run_category_id);;
    CREATE TABLE set_thresholds (
        trial_id INTEGER NOT NULL REFERENCES trials (id) ON DELETE CASCADE,
        run_category_id INTEGER NOT NULL REFERENCES run_categories (id) ON DELETE CASCADE,
        threshold REAL NOT NULL,
        split TEXT NOT NULL CHECK (split IN ('test', 'validation')),
        set_at REAL NOT NULL,
        PRIMARY KEY (trial_id, run_category_id)
    ) STRICT, WITHOUT ROWID;;
    CREATE INDEX set_thresholds_category ON set_thresholds (run_category_id);;
    CREATE TABLE top_down_bounds (
        run_id INTEGER PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
        models TEXT NOT NULL,
        bounds TEXT NOT NULL
    ) STRICT
"""
_ENGINE = """
    CREATE TABLE engine (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        pid INTEGER,
        process_started REAL,
        heartbeat REAL,
        device TEXT NOT NULL,
        workers INTEGER,
        workers_per_device INTEGER NOT NULL,
        kind TEXT NOT NULL DEFAULT 'local' CHECK (kind IN ('local', 'ray')),
        address TEXT
    ) STRICT;;
    CREATE TABLE workers (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        pid INTEGER NOT NULL,
        process_started REAL NOT NULL,
        device TEXT NOT NULL,
        state TEXT NOT NULL CHECK (
            state IN ('starting', 'idle', 'training', 'scoring', 'ended')
        ),
        trial_id INTEGER REFERENCES trials (id) ON DELETE SET NULL,
        heartbeat REAL NOT NULL,
        started_at REAL NOT NULL,
        ended_at REAL,
        node TEXT,
        scores_trial_id INTEGER REFERENCES trials (id) ON DELETE SET NULL
    ) STRICT;;
    CREATE INDEX workers_trial ON workers (trial_id);;
    CREATE INDEX workers_scores ON workers (scores_trial_id);;
    CREATE TABLE events (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        run_id INTEGER REFERENCES runs (id) ON DELETE CASCADE,
        run_category_id INTEGER REFERENCES run_categories (id) ON DELETE CASCADE,
        kind TEXT NOT NULL,
        message TEXT NOT NULL,
        at REAL NOT NULL
    ) STRICT;;
    CREATE INDEX events_category ON events (run_category_id);;
    CREATE INDEX events_run ON events (run_id)
"""
_CHANGES = """
    CREATE TABLE changes (
        run_category_id INTEGER PRIMARY KEY
            REFERENCES run_categories (id) ON DELETE CASCADE,
        run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        number INTEGER NOT NULL
    ) STRICT;;
    CREATE INDEX changes_run ON changes (run_id, number);;
    CREATE INDEX changes_number ON changes (number)
"""


@MIGRATIONS()
def create_schema(database: Database) -> None:
    """Create the tables, indexes and triggers of the first release."""
    for statements in (_CORPORA, _RUNS, _ENGINE, _CHANGES):
        _run(database, statements)
    _guard_states(database)
    _number_changes(database)


def _guard_states(database: Database) -> None:
    """Create triggers that reject state transitions which `db.states` does not allow."""
    database.conn.execute(
        "CREATE TABLE transitions (machine TEXT NOT NULL, old TEXT NOT NULL, new TEXT NOT NULL, "
        "PRIMARY KEY (machine, old, new)) STRICT, WITHOUT ROWID"
    )
    for table, machine in TABLES.items():
        database.conn.executemany(
            "INSERT INTO transitions VALUES (?, ?, ?)",
            [(table, old, new) for old, following in machine.items() for new in following],
        )
        database.conn.execute(
            f"""
            CREATE TRIGGER {table}_state BEFORE UPDATE OF state ON {table}
            WHEN NEW.state <> OLD.state AND NOT EXISTS (
                SELECT 1 FROM transitions
                WHERE machine = '{table}' AND old = OLD.state AND new = NEW.state
            )
            BEGIN
                SELECT RAISE(ABORT, 'illegal state transition in {table}');
            END
            """
        )


def _number_changes(database: Database) -> None:
    """Create triggers that number the changes of categories for `db.changes`.

    A change of a shared model is a change of every category that uses it.
    """
    category = "SELECT {row}.run_category_id"
    trial = "SELECT run_category_id FROM trials WHERE id = {row}.trial_id"
    sources = {
        ("run_categories", "UPDATE"): "SELECT {row}.id",
        ("trials", "INSERT"): category,
        ("trials", "UPDATE"): category,
        ("epochs", "INSERT"): trial,
        ("epochs", "UPDATE"): trial,
        ("epochs", "DELETE"): trial,
        ("measures", "INSERT"): category,
        ("measures", "UPDATE"): category,
        ("measures", "DELETE"): category,
    }
    # Only an update of one of these columns is a change.
    watched = {
        "run_categories": ("state", "held", "stale", "attempt", "kept_trial_id", "class_weight"),
        "trials": (
            *("state", "attempt", "epoch", "kept_epoch", "training_loss", "validation_loss"),
            *("precision", "recall", "f1", "reason"),
        ),
    }
    conditions = {}
    for table, names in watched.items():
        new, old = (", ".join(f"{row}.{name}" for name in names) for row in ("NEW", "OLD"))
        conditions[table, "UPDATE"] = f"WHEN ({new}) IS NOT ({old})"
    for (table, verb), source in sources.items():
        row = "OLD" if verb == "DELETE" else "NEW"
        condition = conditions.get((table, verb), "")
        database.conn.execute(
            f"""
            CREATE TRIGGER {table}_{verb.lower()}_changes AFTER {verb} ON {table} {condition}
            BEGIN
                INSERT INTO changes (run_category_id, run_id, number)
                SELECT id, run_id, (SELECT coalesce(max(number), 0) + 1 FROM changes)
                FROM run_categories
                WHERE id = ({source.format(row=row)}) OR lead_id = ({source.format(row=row)})
                ON CONFLICT (run_category_id) DO UPDATE SET number = excluded.number;
            END
            """
        )
