-- Money is in nano-units, days are in UTC.

CREATE TABLE accounts (
    scope text NOT NULL,
    name text NOT NULL,
    period text NOT NULL,
    starts date NOT NULL,
    spent_nanos bigint NOT NULL DEFAULT 0,
    reserved_nanos bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (scope, name, period, starts)
);

-- accounts: [{"scope", "name", "period", "starts"}], all of those in which the money is set aside.
CREATE TABLE reservations (
    call_id uuid PRIMARY KEY,
    accounts jsonb NOT NULL,
    nanos bigint NOT NULL CHECK (nanos >= 0),
    expires_at timestamptz NOT NULL
);
CREATE INDEX reservations_by_expiry ON reservations (expires_at);

CREATE TABLE spending (
    day date NOT NULL,
    user_id text NOT NULL,
    key text NOT NULL,
    organization text NOT NULL,
    provider text NOT NULL,
    model text NOT NULL,
    calls bigint NOT NULL,
    failed bigint NOT NULL,
    cancelled bigint NOT NULL,
    estimated bigint NOT NULL,
    prompt_tokens bigint NOT NULL,
    cached_prompt_tokens bigint NOT NULL,
    completion_tokens bigint NOT NULL,
    cost_nanos bigint NOT NULL,
    PRIMARY KEY (day, user_id, key, organization, provider, model)
);

-- What was written already, for a writer that did not hear so.
CREATE TABLE batches (
    batch_id uuid PRIMARY KEY,
    written_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX batches_by_time ON batches (written_at);

-- Sets aside in every account of `wanted`, [{"scope", "name", "period", "starts", "limit_nanos"}], what the one with
-- the least left allows, from `least` to `most`; or nothing anywhere, and says which account refused, by its place in
-- `wanted` from 0, and what it has left. Accounts are locked in the order of their key, which all writers keep.
CREATE FUNCTION reserve(
    for_call uuid, wanted jsonb, least_nanos bigint, most_nanos bigint, lease interval,
    OUT granted bigint, OUT refused_by integer, OUT left_nanos bigint
) LANGUAGE plpgsql AS $$
BEGIN
    -- The lock is held until the commit is done, and a crash of the server only loses what no call has cost yet.
    PERFORM set_config('synchronous_commit', 'off', true);
    INSERT INTO accounts (scope, name, period, starts)
        SELECT w.scope, w.name, w.period, w.starts
        FROM jsonb_to_recordset(wanted) AS w (scope text, name text, period text, starts date)
        ORDER BY w.scope, w.name, w.period, w.starts
        ON CONFLICT DO NOTHING;
    SELECT locked.place, locked.rest INTO refused_by, left_nanos FROM (
        SELECT w.place::integer - 1 AS place, (w.item ->> 'limit_nanos')::bigint - a.spent_nanos - a.reserved_nanos AS rest
        FROM jsonb_array_elements(wanted) WITH ORDINALITY AS w (item, place)
        JOIN accounts AS a ON a.scope = w.item ->> 'scope' AND a.name = w.item ->> 'name'
            AND a.period = w.item ->> 'period' AND a.starts = (w.item ->> 'starts')::date
        ORDER BY a.scope, a.name, a.period, a.starts
        FOR UPDATE OF a
    ) AS locked ORDER BY locked.rest, locked.place LIMIT 1;
    IF left_nanos < least_nanos THEN
        RETURN;
    END IF;
    granted := LEAST(most_nanos, left_nanos);
    UPDATE accounts AS a SET reserved_nanos = a.reserved_nanos + granted
        FROM jsonb_to_recordset(wanted) AS w (scope text, name text, period text, starts date)
        WHERE (a.scope, a.name, a.period, a.starts) = (w.scope, w.name, w.period, w.starts);
    INSERT INTO reservations (call_id, accounts, nanos, expires_at)
        SELECT for_call, jsonb_agg(item - 'limit_nanos'), granted, now() + lease FROM jsonb_array_elements(wanted) AS item;
END
$$;

-- Adds to each account of `changes`, [{"scope", "name", "period", "starts", "spent", "reserved"}], the sums of both.
CREATE FUNCTION add_to_accounts(changes jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO accounts (scope, name, period, starts)
        SELECT DISTINCT c.scope, c.name, c.period, c.starts
        FROM jsonb_to_recordset(changes) AS c (scope text, name text, period text, starts date)
        ORDER BY 1, 2, 3, 4
        ON CONFLICT DO NOTHING;
    PERFORM 1 FROM accounts AS a
        WHERE (a.scope, a.name, a.period, a.starts) IN (
            SELECT c.scope, c.name, c.period, c.starts
            FROM jsonb_to_recordset(changes) AS c (scope text, name text, period text, starts date)
        )
        ORDER BY a.scope, a.name, a.period, a.starts
        FOR UPDATE;
    UPDATE accounts AS a
        SET spent_nanos = a.spent_nanos + c.spent, reserved_nanos = a.reserved_nanos + c.reserved
        FROM (
            SELECT scope, name, period, starts, sum(spent)::bigint AS spent, sum(reserved)::bigint AS reserved
            FROM jsonb_to_recordset(changes)
                AS c (scope text, name text, period text, starts date, spent bigint, reserved bigint)
            GROUP BY 1, 2, 3, 4
        ) AS c
        WHERE (a.scope, a.name, a.period, a.starts) = (c.scope, c.name, c.period, c.starts);
END
$$;

-- Ends the calls of `charges`, [{"call_id", "accounts", "cost_nanos"}]: what each has cost is spent, and what was set
-- aside for it is free. A reservation that ran out meanwhile was given back already.
CREATE FUNCTION charge(charges jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    changes jsonb;
BEGIN
    WITH ended AS (
        DELETE FROM reservations AS r USING jsonb_to_recordset(charges) AS c (call_id uuid)
            WHERE r.call_id = c.call_id RETURNING r.call_id, r.nanos
    )
    SELECT jsonb_agg(
        account || jsonb_build_object('spent', c.cost_nanos, 'reserved', -coalesce(ended.nanos, 0))
    ) INTO changes
        FROM jsonb_to_recordset(charges) AS c (call_id uuid, accounts jsonb, cost_nanos bigint)
        LEFT JOIN ended ON ended.call_id = c.call_id
        CROSS JOIN jsonb_array_elements(c.accounts) AS account;
    IF changes IS NOT NULL THEN
        PERFORM add_to_accounts(changes);
    END IF;
END
$$;

-- Gives back what dead processes had set aside; returns for how many calls.
CREATE FUNCTION give_back_expired() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    changes jsonb;
    expired bigint;
BEGIN
    WITH gone AS (
        DELETE FROM reservations WHERE call_id IN (
            SELECT call_id FROM reservations WHERE expires_at < now() FOR UPDATE SKIP LOCKED
        ) RETURNING call_id, accounts, nanos
    )
    SELECT jsonb_agg(account || jsonb_build_object('spent', 0, 'reserved', -gone.nanos)), count(DISTINCT gone.call_id)
        INTO changes, expired FROM gone CROSS JOIN jsonb_array_elements(gone.accounts) AS account;
    IF changes IS NOT NULL THEN
        PERFORM add_to_accounts(changes);
    END IF;
    RETURN expired;
END
$$;
