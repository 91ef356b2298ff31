"""Numbered steps that only go forward, each whole or not taken."""

import sqlite3
from collections.abc import Iterator

import pytest

from chargepoint.core.records import ConnectorRecord, Idle
from chargepoint.store.rows import CONNECTOR_RECORD_COLUMNS, connector_record, select, session_value
from chargepoint.store.schema import STEPS, Tables, bring_up_to_date, version_of


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    yield connection
    connection.close()


def add_color(db: Tables) -> None:
    db.execute("ALTER TABLE connectors ADD COLUMN color TEXT")


def fail(db: Tables) -> None:
    db.execute("INSERT INTO meta VALUES ('half', 1)")
    db.execute("DROP TABLE no_such_table")


def columns(connection: sqlite3.Connection) -> list[str]:
    return [row[1] for row in connection.execute("PRAGMA table_info(connectors)")]


def test_an_empty_file_takes_every_step(connection: sqlite3.Connection) -> None:
    bring_up_to_date(connection)
    assert version_of(connection) == len(STEPS)
    bring_up_to_date(connection)
    assert version_of(connection) == len(STEPS)


def test_an_older_file_takes_the_steps_it_lacks_and_keeps_its_rows(connection: sqlite3.Connection) -> None:
    bring_up_to_date(connection)
    connection.execute("INSERT INTO connectors (number, operative, session) VALUES (1, 1, x'7b7d')")
    bring_up_to_date(connection, (*STEPS, add_color))
    assert version_of(connection) == len(STEPS) + 1
    assert connection.execute("SELECT number, color FROM connectors").fetchall() == [(1, None)]


def test_a_step_that_fails_leaves_the_version_before_it(connection: sqlite3.Connection) -> None:
    with pytest.raises(sqlite3.OperationalError, match="no_such_table"):
        bring_up_to_date(connection, (*STEPS, add_color, fail))
    assert version_of(connection) == len(STEPS) + 1
    assert "color" in columns(connection)
    assert connection.execute("SELECT count(*) FROM meta").fetchone() == (0,)
    assert not connection.in_transaction


def test_connectors_of_an_older_file_have_no_latched_fault_and_no_cycles(connection: sqlite3.Connection) -> None:
    bring_up_to_date(connection, STEPS[:4])
    connection.execute("INSERT INTO connectors VALUES (1, 1, NULL, NULL, ?)", (session_value(Idle()),))
    bring_up_to_date(connection)
    row = connection.execute(select(CONNECTOR_RECORD_COLUMNS, "connectors")).fetchone()
    assert connector_record(*row) == ConnectorRecord(number=1)


def test_the_first_step_is_as_it_shipped(connection: sqlite3.Connection) -> None:
    """A step never changes once it has shipped: add a new one."""
    bring_up_to_date(connection, STEPS[:1])
    tables = {
        name: len(connection.execute(f"PRAGMA table_info({name})").fetchall())
        for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
    }
    assert tables == {
        "meta": 2,
        "boots": 6,
        "configuration": 2,
        "connectors": 5,
        "transactions": 23,
        "outbox": 8,
        "dead_letters": 11,
        "stop_samples": 3,
        "id_cache": 6,
        "local_list": 5,
    }
