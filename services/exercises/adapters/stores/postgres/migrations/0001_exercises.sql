CREATE TABLE exercises (
    exercise_id uuid PRIMARY KEY,
    owner text NOT NULL,
    title text NOT NULL,
    language text NOT NULL,
    document_ids text[] NOT NULL,
    create_time timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX exercises_by_owner ON exercises (owner, exercise_id DESC);

CREATE TABLE runs (
    run_id uuid PRIMARY KEY,
    exercise_id uuid NOT NULL UNIQUE REFERENCES exercises ON DELETE CASCADE,
    owner text NOT NULL,
    state text NOT NULL CHECK (state IN ('running', 'done', 'cancelled', 'failed')),
    instance text NOT NULL,
    lease_until timestamptz NOT NULL,
    cancel_requested boolean NOT NULL DEFAULT false,
    create_time timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX runs_running ON runs (lease_until) WHERE state = 'running';

CREATE TABLE run_events (
    run_id uuid NOT NULL REFERENCES runs ON DELETE CASCADE,
    number bigint NOT NULL CHECK (number > 0),
    name text NOT NULL,
    body jsonb NOT NULL,
    PRIMARY KEY (run_id, number)
);

CREATE TABLE questions (
    question_id uuid PRIMARY KEY,
    exercise_id uuid NOT NULL REFERENCES exercises ON DELETE CASCADE,
    number integer NOT NULL CHECK (number > 0),
    points double precision NOT NULL,
    body jsonb NOT NULL,
    UNIQUE (exercise_id, number)
);

CREATE TABLE submissions (
    submission_id uuid PRIMARY KEY,
    exercise_id uuid NOT NULL REFERENCES exercises ON DELETE CASCADE,
    owner text NOT NULL,
    grades jsonb NOT NULL,
    create_time timestamptz NOT NULL
);
CREATE INDEX submissions_by_exercise ON submissions (exercise_id);

CREATE TABLE profiles (
    user_id text PRIMARY KEY,
    display_name text NOT NULL DEFAULT '',
    language text NOT NULL DEFAULT '',
    goal text NOT NULL DEFAULT '',
    daily_question_goal integer NOT NULL DEFAULT 0,
    create_time timestamptz NOT NULL DEFAULT now(),
    update_time timestamptz NOT NULL DEFAULT now()
);
