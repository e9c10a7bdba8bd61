CREATE TABLE records (
    record_number BIGINT PRIMARY KEY,
    record_id TEXT NOT NULL UNIQUE, notice_id TEXT NOT NULL, event_key TEXT, event_name TEXT,
    run_id NUMERIC, event_id NUMERIC, kind TEXT NOT NULL, format TEXT NOT NULL, revision NUMERIC,
    status TEXT, tense TEXT, is_real BOOLEAN NOT NULL, trigger_time TIMESTAMPTZ, notice_time TIMESTAMPTZ,
    ra_deg DOUBLE PRECISION, dec_deg DOUBLE PRECISION, error_radius_deg DOUBLE PRECISION, containment DOUBLE PRECISION,
    energy_tev DOUBLE PRECISION, signalness DOUBLE PRECISION, far_hz DOUBLE PRECISION, p_generic DOUBLE PRECISION, p_bayesian DOUBLE PRECISION,
    superevent_id TEXT, gw_notice_number NUMERIC, record_json TEXT NOT NULL
);
CREATE INDEX records_by_event ON records (event_key);
CREATE INDEX records_by_time ON records (trigger_time);
CREATE TABLE sightings (
    record_number BIGINT NOT NULL REFERENCES records, number BIGINT NOT NULL,
    topic TEXT, partition NUMERIC, "offset" NUMERIC, origin TEXT, timestamp TIMESTAMPTZ,
    PRIMARY KEY (record_number, number)
);
CREATE TABLE significances (
    record_number BIGINT NOT NULL REFERENCES records, number BIGINT NOT NULL,
    provider TEXT NOT NULL, quantity TEXT NOT NULL, sided TEXT NOT NULL, p_value DOUBLE PRECISION,
    sigma DOUBLE PRECISION, is_limit BOOLEAN NOT NULL, n_trials DOUBLE PRECISION, trials_source TEXT,
    p_value_post DOUBLE PRECISION, sigma_post DOUBLE PRECISION, far_per_year DOUBLE PRECISION, far_source TEXT, verdict TEXT,
    PRIMARY KEY (record_number, number)
);
CREATE TABLE coincident_events (
    record_number BIGINT NOT NULL REFERENCES records, number BIGINT NOT NULL,
    delta_t_s DOUBLE PRECISION, run_id NUMERIC, event_id NUMERIC, event_key TEXT, ra_deg DOUBLE PRECISION,
    dec_deg DOUBLE PRECISION, error_radius_deg DOUBLE PRECISION, containment DOUBLE PRECISION, p_generic DOUBLE PRECISION,
    p_bayesian DOUBLE PRECISION,
    PRIMARY KEY (record_number, number)
);
CREATE VIEW notices AS 
        SELECT record_number, record_id, notice_id, event_key, event_name, run_id, event_id, kind, format, revision, status, tense, is_real, trigger_time, notice_time, ra_deg, dec_deg, error_radius_deg, containment, energy_tev, signalness, far_hz, p_generic, p_bayesian, superevent_id, gw_notice_number, record_json FROM (
            SELECT records.*, row_number() OVER (
                PARTITION BY event_key, notice_id
                ORDER BY CASE format
                    WHEN 'json' THEN 0 WHEN 'voevent' THEN 1 WHEN 'text' THEN 2
                    WHEN 'binary' THEN 3 WHEN 'circular' THEN 4 ELSE 5 END,
                    notice_time DESC NULLS LAST, record_number DESC
            ) AS choice FROM records 
        ) AS ranked WHERE choice = 1;
CREATE VIEW events AS SELECT record_number, record_id, notice_id, event_key, event_name, run_id, event_id, kind, format, revision, status, tense, is_real, trigger_time, notice_time, ra_deg, dec_deg, error_radius_deg, containment, energy_tev, signalness, far_hz, p_generic, p_bayesian, superevent_id, gw_notice_number, record_json, retracted, n_notices FROM (
    SELECT notices.*,
        row_number() OVER (PARTITION BY event_key ORDER BY coalesce(revision, gw_notice_number) DESC NULLS LAST, notice_time DESC NULLS LAST, record_number DESC) AS choice,
        max(CASE status WHEN 'retraction' THEN 1 ELSE 0 END) OVER (PARTITION BY event_key) = 1
            AS retracted,
        count(*) OVER (PARTITION BY event_key) AS n_notices
    FROM notices WHERE is_real AND event_key IS NOT NULL
) AS ranked WHERE choice = 1;
CREATE TABLE icecube_layout (version INTEGER NOT NULL);
INSERT INTO icecube_layout VALUES (2);
