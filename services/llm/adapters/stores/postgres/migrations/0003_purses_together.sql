-- As before, but what is set aside ahead counts together with all else that is set aside: many purses in one account
-- left others nothing.

CREATE OR REPLACE FUNCTION reserve(
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
