"""Many rows at once, on both databases: copies of a row that the API has written, under new ids and names.

The copies can be listed and counted. Their values can't be unsealed and their events don't chain; nobody does either.
"""


def id_of(kind, number="i"):
    """An id, as SQL over the copy's number: a UUID of version 7 that is different for each kind of row."""
    return f"'01900000-0000-7000-800{kind}-0000' || CAST(10000000 + {number} AS TEXT)"


def copy(database, table, of, count, **columns):
    """Inserts copies of the row that the condition `of` finds. `columns`: what differs, as SQL over `i`, 1 to count."""
    names = database.columns(table)
    values = ", ".join(columns.get(name, f"t.{name}") for name in names)
    database.run(
        f"INSERT INTO {table} ({', '.join(names)}) "
        f"WITH RECURSIVE numbers(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < {count}) "
        f"SELECT {values} FROM {table} t, numbers WHERE {of}"
    )


def workspaces(count):
    def into(database):
        [(lab,)] = database.run("SELECT id FROM workspaces WHERE slug = 'lab'")
        names = {"slug": "'copy-' || CAST(10000000 + i AS TEXT)", "name": "'Copy ' || CAST(10000000 + i AS TEXT)"}
        copy(database, "workspaces", f"t.id = '{lab}'", count, id=id_of(1), number="1000000 + i", **names)

    return into


def workspace_secrets(count, each=100):
    """Secrets of other workspaces, `each` of them; the workspaces must have been copied before."""

    def into(database):
        [(secret,)] = database.run("SELECT id FROM secrets WHERE scope = 'workspace' ORDER BY id LIMIT 1")
        home = f"'01900000-0000-7000-8001-0000' || CAST(10000001 + (i - 1) / {each} AS TEXT)"
        name = "'COPIED_SECRET_' || CAST(10000000 + i AS TEXT)"
        copy(database, "secrets", f"t.id = '{secret}'", count, id=id_of(2), home_id=home, name=name)
        copy(database, "secret_versions", f"t.secret_id = '{secret}'", count, secret_id=id_of(2))

    return into


def organization_secrets(count):
    """Secrets of the organization with access `selected` and nothing selected, so that they reach nobody."""

    def into(database):
        [(secret,)] = database.run("SELECT id FROM secrets WHERE scope = 'organization' ORDER BY id LIMIT 1")
        name = "'COPIED_SECRET_' || CAST(10000000 + i AS TEXT)"
        copy(database, "secrets", f"t.id = '{secret}'", count, id=id_of(3), name=name, access="'selected'")
        copy(database, "secret_versions", f"t.secret_id = '{secret}'", count, secret_id=id_of(3))

    return into


def running_servers(count, each):
    """Copies of the server that runs, `each` of them in one copied workspace, which must be there. No process is theirs."""

    def into(database):
        [(server, start, snapshot)] = database.run(
            "SELECT x.id, x.start_id, t.snapshot_id FROM servers x JOIN starts t ON t.id = x.start_id "
            "WHERE x.status = 'running'")
        home = f"'01900000-0000-7000-8001-0000' || CAST(10000001 + (i - 1) / {each} AS TEXT)"
        slug = "'copy-' || CAST(10000000 + i AS TEXT)"
        copy(database, "servers", f"t.id = '{server}'", count, id=id_of(5), workspace_id=home, slug=slug, start_id="NULL")
        # As the starts of one workspace between two changes do: they share what they were handed.
        places = -(-count // each)
        place = "'01900000-0000-7000-8001-0000' || CAST(10000000 + i AS TEXT)"
        copy(database, "snapshots", f"t.id = '{snapshot}'", places, id=id_of(7), workspace_id=place)
        copy(database, "snapshot_secrets", f"t.snapshot_id = '{snapshot}'", places, snapshot_id=id_of(7))
        shared = id_of(7, f"1 + (i - 1) / {each}")
        copy(database, "starts", f"t.id = '{start}'", count,
             id=id_of(6), workspace_id=home, server_id=id_of(5), snapshot_id=shared)
        database.run("UPDATE servers SET start_id = (SELECT t.id FROM starts t WHERE t.server_id = servers.id) "
                     "WHERE start_id IS NULL AND status = 'running'")

    return into


def audit_events(count):
    def into(database):
        [(chain, events)] = database.run("SELECT id, events FROM audit_chains ORDER BY events DESC LIMIT 1")
        of = f"t.chain_id = '{chain}' AND t.sequence = {events}"
        copy(database, "audit_events", of, count, sequence=f"{events} + i", id=id_of(4))
        database.run(f"UPDATE audit_chains SET events = {int(events) + count} WHERE id = '{chain}'")

    return into
