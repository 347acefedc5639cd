-- Money for several calls under one id: `reserve` sets some aside ahead, `charge` keeps what further calls may need.

DROP FUNCTION reserve(uuid, jsonb, bigint, bigint, interval);

-- As before, and where much is left also `ahead_nanos` more: so much that all that is set aside is at most about a
-- fiftieth of the rest and others find as good as all of it, and nothing where that does not pay for another such call.
CREATE FUNCTION reserve(
    for_call uuid, wanted jsonb, least_nanos bigint, most_nanos bigint, lease interval, ahead_nanos bigint DEFAULT 0,
    OUT granted bigint, OUT refused_by integer, OUT left_nanos bigint
) LANGUAGE plpgsql AS $$
DECLARE
    ahead bigint;
    spare numeric;
BEGIN
    -- The lock is held until the commit is done, and a crash of the server only loses what no call has cost yet.
    PERFORM set_config('synchronous_commit', 'off', true);
    INSERT INTO accounts (scope, name, period, starts)
        SELECT w.scope, w.name, w.period, w.starts
        FROM jsonb_to_recordset(wanted) AS w (scope text, name text, period text, starts date)
        ORDER BY w.scope, w.name, w.period, w.starts
        ON CONFLICT DO NOTHING;
    SELECT (array_agg(locked.place ORDER BY locked.rest, locked.place))[1], min(locked.rest),
            min(locked.rest - 50 * locked.reserved::numeric)
        INTO refused_by, left_nanos, spare FROM (
            SELECT w.place::integer - 1 AS place, a.reserved_nanos AS reserved,
                (w.item ->> 'limit_nanos')::bigint - a.spent_nanos - a.reserved_nanos AS rest
            FROM jsonb_array_elements(wanted) WITH ORDINALITY AS w (item, place)
            JOIN accounts AS a ON a.scope = w.item ->> 'scope' AND a.name = w.item ->> 'name'
                AND a.period = w.item ->> 'period' AND a.starts = (w.item ->> 'starts')::date
            ORDER BY a.scope, a.name, a.period, a.starts
            FOR UPDATE OF a
        ) AS locked;
    IF left_nanos < least_nanos THEN
        RETURN;
    END IF;
    granted := LEAST(most_nanos, left_nanos);
    ahead := LEAST(ahead_nanos, floor((spare - granted) / 50));
    IF ahead >= granted THEN
        granted := granted + ahead;
    END IF;
    UPDATE accounts AS a SET reserved_nanos = a.reserved_nanos + granted
        FROM jsonb_to_recordset(wanted) AS w (scope text, name text, period text, starts date)
        WHERE (a.scope, a.name, a.period, a.starts) = (w.scope, w.name, w.period, w.starts);
    INSERT INTO reservations (call_id, accounts, nanos, expires_at)
        SELECT for_call, jsonb_agg(item - 'limit_nanos'), granted, now() + lease FROM jsonb_array_elements(wanted) AS item;
END
$$;

-- Adds the cost of each of `charges`, [{"call_id", "accounts", "cost_nanos", "kept_nanos"}], and frees what was set aside
-- under its id but for `kept_nanos`. A reservation that ran out meanwhile was given back already.
CREATE OR REPLACE FUNCTION charge(charges jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    changes jsonb;
BEGIN
    WITH ended AS (
        SELECT * FROM jsonb_to_recordset(charges)
            AS c (call_id uuid, accounts jsonb, cost_nanos bigint, kept_nanos bigint)
    ), held AS (
        SELECT r.call_id, r.nanos FROM reservations AS r JOIN ended AS c ON c.call_id = r.call_id FOR UPDATE OF r
    ), gone AS (
        DELETE FROM reservations AS r USING ended AS c
            WHERE r.call_id = c.call_id AND coalesce(c.kept_nanos, 0) = 0
    ), kept AS (
        UPDATE reservations AS r SET nanos = c.kept_nanos FROM ended AS c
            WHERE r.call_id = c.call_id AND c.kept_nanos > 0
    )
    SELECT jsonb_agg(
        account || jsonb_build_object('spent', c.cost_nanos, 'reserved', coalesce(c.kept_nanos, 0) - c.nanos)
    ) INTO changes
        FROM (
            SELECT c.accounts, c.cost_nanos, CASE WHEN held.nanos IS NULL THEN 0 ELSE c.kept_nanos END AS kept_nanos,
                coalesce(held.nanos, 0) AS nanos
            FROM ended AS c LEFT JOIN held ON held.call_id = c.call_id
        ) AS c CROSS JOIN jsonb_array_elements(c.accounts) AS account;
    IF changes IS NOT NULL THEN
        PERFORM add_to_accounts(changes);
    END IF;
END
$$;
