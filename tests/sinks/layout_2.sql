PRAGMA application_id=1231244917;
PRAGMA user_version=2;
BEGIN TRANSACTION;
CREATE TABLE coincident_events (
    record_number INTEGER NOT NULL REFERENCES records, number INTEGER NOT NULL,
    delta_t_s REAL, run_id INTEGER, event_id INTEGER, event_key TEXT, ra_deg REAL,
    dec_deg REAL, error_radius_deg REAL, containment REAL, p_generic REAL,
    p_bayesian REAL,
    PRIMARY KEY (record_number, number)
) WITHOUT ROWID;
INSERT INTO "coincident_events" VALUES(3,1,-261.14,138400,7,'138400_7',345.82,9.14,0.61,0.9,0.0191,NULL);
INSERT INTO "coincident_events" VALUES(3,2,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE records (
    record_number INTEGER PRIMARY KEY,
    record_id TEXT NOT NULL UNIQUE, notice_id TEXT NOT NULL, event_key TEXT, event_name TEXT,
    run_id INTEGER, event_id INTEGER, kind TEXT NOT NULL, format TEXT NOT NULL, revision INTEGER,
    status TEXT, tense TEXT, is_real INTEGER NOT NULL, trigger_time TEXT, notice_time TEXT,
    ra_deg REAL, dec_deg REAL, error_radius_deg REAL, containment REAL,
    energy_tev REAL, signalness REAL, far_hz REAL, p_generic REAL, p_bayesian REAL,
    superevent_id TEXT, gw_notice_number INTEGER, record_json TEXT NOT NULL
);
INSERT INTO "records" VALUES(1,'gold:137840_57034692:0:25ec534dfbad0173','gold:137840_57034692:0','137840_57034692','IceCube-230416A',137840,57034692,'gold','json',0,'initial','observation',1,'2023-04-16T07:42:31.420000Z','2023-04-16T07:43:11.420000Z',345.82,9.14,0.61,0.9,127.29,0.336,8.029e-08,NULL,NULL,NULL,NULL,'{"id": "gold:137840_57034692:0:25ec534dfbad0173", "message": {"topic": "gcn.notices.icecube.gold_bronze_track_alerts", "partition": 0, "offset": 12, "timestamp": "2023-04-16T07:43:12.420000Z", "key_base64": null, "headers": [], "origin": "example"}, "alert": {"kind": "gold", "format": "json", "event_names": ["IceCube-230416A"], "run_id": 137840, "event_id": 57034692, "amon_id": null, "ivorn": null, "circular_number": null, "revision": 0, "status": "initial", "tense": "observation", "trigger_time": "2023-04-16T07:42:31.420000Z", "notice_time": "2023-04-16T07:43:11.420000Z", "localization": {"ra_deg": 345.82, "dec_deg": 9.14, "error_radius_deg": 0.61, "containment": 0.9, "error_radius_50_deg": null, "ellipse": null, "asymmetric": null, "systematic_included": false, "skymap_fits_url": null, "skymap_png_url": null}, "energy_tev": 127.29, "signalness": 0.336, "far_hz": 8.029e-08, "p_values": [], "gw": null, "coincident_events": [], "n_coincident": null, "most_probable_direction": null, "flux_sensitivity": null, "observation_start": null, "observation_stop": null, "livetime_s": null, "charge_pe": null, "signal_trackness": null, "stream": null, "n_events": null, "delta_t_s": null, "sigma_t_s": null, "comments": [], "concerns": [], "unread": {}, "raw_base64": "anNvbiBnb2xkOjEzNzg0MF81NzAzNDY5MjowICgnSWNlQ3ViZS0yMzA0MTZBJywp"}, "significances": [{"provider": "example", "quantity": "generic", "sided": "one-sided", "p_value": 0.0191, "sigma": 2.073, "is_limit": false, "n_trials": 2.0, "trials_source": "two searches", "p_value_post": 0.0378, "sigma_post": 1.777, "far_per_year": 1.91, "far_source": "100 alerts per year", "verdict": "weak", "notes": ["a note"]}], "sightings": []}');
INSERT INTO "records" VALUES(2,'gold:137840_57034692:1:c4f91f72b5a16a5c','gold:137840_57034692:1','137840_57034692','IceCube-230416A',137840,57034692,'gold','json',1,'update','observation',1,'2023-04-16T07:42:31.420000Z','2023-04-16T07:43:11.420000Z',345.82,9.14,0.61,0.9,127.29,0.336,8.029e-08,NULL,NULL,NULL,NULL,'{"id": "gold:137840_57034692:1:c4f91f72b5a16a5c", "message": {"topic": "gcn.notices.icecube.gold_bronze_track_alerts", "partition": 0, "offset": 12, "timestamp": "2023-04-16T07:43:12.420000Z", "key_base64": null, "headers": [], "origin": "example"}, "alert": {"kind": "gold", "format": "json", "event_names": ["IceCube-230416A"], "run_id": 137840, "event_id": 57034692, "amon_id": null, "ivorn": null, "circular_number": null, "revision": 1, "status": "update", "tense": "observation", "trigger_time": "2023-04-16T07:42:31.420000Z", "notice_time": "2023-04-16T07:43:11.420000Z", "localization": {"ra_deg": 345.82, "dec_deg": 9.14, "error_radius_deg": 0.61, "containment": 0.9, "error_radius_50_deg": null, "ellipse": null, "asymmetric": null, "systematic_included": false, "skymap_fits_url": null, "skymap_png_url": null}, "energy_tev": 127.29, "signalness": 0.336, "far_hz": 8.029e-08, "p_values": [], "gw": null, "coincident_events": [], "n_coincident": null, "most_probable_direction": null, "flux_sensitivity": null, "observation_start": null, "observation_stop": null, "livetime_s": null, "charge_pe": null, "signal_trackness": null, "stream": null, "n_events": null, "delta_t_s": null, "sigma_t_s": null, "comments": [], "concerns": [], "unread": {}, "raw_base64": "anNvbiBnb2xkOjEzNzg0MF81NzAzNDY5MjoxICgnSWNlQ3ViZS0yMzA0MTZBJywp"}, "significances": [], "sightings": []}');
INSERT INTO "records" VALUES(3,'lvk-search:S230914ak:2-Preliminary:6c5a984064c1ca91','lvk-search:S230914ak:2-Preliminary','S230914ak',NULL,NULL,NULL,'lvk-search','json',NULL,'initial','observation',1,'2023-04-16T07:42:31.420000Z','2023-04-16T07:43:11.420000Z',NULL,NULL,NULL,NULL,NULL,NULL,NULL,0.0191,0.0549,'S230914ak',2,'{"id": "lvk-search:S230914ak:2-Preliminary:6c5a984064c1ca91", "message": {"topic": "gcn.notices.icecube.gold_bronze_track_alerts", "partition": 0, "offset": 12, "timestamp": "2023-04-16T07:43:12.420000Z", "key_base64": null, "headers": [], "origin": "example"}, "alert": {"kind": "lvk-search", "format": "json", "event_names": [], "run_id": null, "event_id": null, "amon_id": null, "ivorn": null, "circular_number": null, "revision": null, "status": "initial", "tense": "observation", "trigger_time": "2023-04-16T07:42:31.420000Z", "notice_time": "2023-04-16T07:43:11.420000Z", "localization": null, "energy_tev": null, "signalness": null, "far_hz": null, "p_values": [{"search": "generic", "value": 0.0191}, {"search": "bayesian", "value": 0.0549}], "gw": {"superevent_id": "S230914ak", "notice_number": 2, "notice_type": "Preliminary", "reference": null}, "coincident_events": [{"delta_t_s": -261.14, "localization": {"ra_deg": 345.82, "dec_deg": 9.14, "error_radius_deg": 0.61, "containment": 0.9, "error_radius_50_deg": null, "ellipse": null, "asymmetric": null, "systematic_included": null, "skymap_fits_url": null, "skymap_png_url": null}, "p_values": [{"search": "generic", "value": 0.0191}, {"search": "bayesian", "value": null}], "run_id": 138400, "event_id": 7}, {"delta_t_s": null, "localization": null, "p_values": [], "run_id": null, "event_id": null}], "n_coincident": 2, "most_probable_direction": {"ra_deg": 0.0, "dec_deg": -90.0}, "flux_sensitivity": null, "observation_start": null, "observation_stop": null, "livetime_s": null, "charge_pe": null, "signal_trackness": null, "stream": null, "n_events": null, "delta_t_s": null, "sigma_t_s": null, "comments": [], "concerns": [], "unread": {}, "raw_base64": "anNvbiBsdmstc2VhcmNoOlMyMzA5MTRhazoyLVByZWxpbWluYXJ5ICgp"}, "significances": [{"provider": "example", "quantity": "generic", "sided": "one-sided", "p_value": 0.0191, "sigma": 2.073, "is_limit": false, "n_trials": 2.0, "trials_source": "two searches", "p_value_post": 0.0378, "sigma_post": 1.777, "far_per_year": 1.91, "far_source": "100 alerts per year", "verdict": "weak", "notes": []}, {"provider": "example", "quantity": "bayesian", "sided": "one-sided", "p_value": 0.0191, "sigma": 2.073, "is_limit": false, "n_trials": 2.0, "trials_source": "two searches", "p_value_post": 0.0378, "sigma_post": 1.777, "far_per_year": 1.91, "far_source": "100 alerts per year", "verdict": "weak", "notes": []}], "sightings": []}');
INSERT INTO "records" VALUES(4,'gold:___:0:40aff2e9d2d8922e','gold:Ä \ud800:0','Ä \ud800','Ä \ud800',NULL,NULL,'gold','json',0,'initial','observation',1,'2023-04-16T07:42:31.420000Z','2023-04-16T07:43:11.420000Z',345.82,9.14,0.61,0.9,127.29,0.336,8.029e-08,NULL,NULL,NULL,NULL,'{"id": "gold:___:0:40aff2e9d2d8922e", "message": {"topic": "gcn.notices.icecube.gold_bronze_track_alerts", "partition": 0, "offset": 12, "timestamp": "2023-04-16T07:43:12.420000Z", "key_base64": null, "headers": [], "origin": "example"}, "alert": {"kind": "gold", "format": "json", "event_names": ["\u00c4 \ud800"], "run_id": null, "event_id": null, "amon_id": null, "ivorn": null, "circular_number": null, "revision": 0, "status": "initial", "tense": "observation", "trigger_time": "2023-04-16T07:42:31.420000Z", "notice_time": "2023-04-16T07:43:11.420000Z", "localization": {"ra_deg": 345.82, "dec_deg": 9.14, "error_radius_deg": 0.61, "containment": 0.9, "error_radius_50_deg": null, "ellipse": null, "asymmetric": null, "systematic_included": false, "skymap_fits_url": null, "skymap_png_url": null}, "energy_tev": 127.29, "signalness": 0.336, "far_hz": 8.029e-08, "p_values": [], "gw": null, "coincident_events": [], "n_coincident": null, "most_probable_direction": null, "flux_sensitivity": null, "observation_start": null, "observation_stop": null, "livetime_s": null, "charge_pe": null, "signal_trackness": null, "stream": null, "n_events": null, "delta_t_s": null, "sigma_t_s": null, "comments": [], "concerns": [], "unread": {}, "raw_base64": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+P0BBQkNERUZHSElKS0xNTk9QUVJTVFVWV1hZWltcXV5fYGFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6e3x9fn+AgYKDhIWGh4iJiouMjY6PkJGSk5SVlpeYmZqbnJ2en6ChoqOkpaanqKmqq6ytrq+wsbKztLW2t7i5uru8vb6/wMHCw8TFxsfIycrLzM3Oz9DR0tPU1dbX2Nna29zd3t/g4eLj5OXm5+jp6uvs7e7v8PHy8/T19vf4+fr7/P3+/w=="}, "significances": [], "sightings": []}');
CREATE TABLE sightings (
    record_number INTEGER NOT NULL REFERENCES records, number INTEGER NOT NULL,
    topic TEXT, partition INTEGER, "offset" INTEGER, origin TEXT, timestamp TEXT,
    PRIMARY KEY (record_number, number)
) WITHOUT ROWID;
INSERT INTO "sightings" VALUES(1,1,'gcn.notices.icecube.gold_bronze_track_alerts',0,12,'example','2023-04-16T07:43:12.420000Z');
INSERT INTO "sightings" VALUES(1,2,'gcn.notices.icecube.gold_bronze_track_alerts',0,13,'example','2023-04-16T07:43:12.420000Z');
INSERT INTO "sightings" VALUES(2,1,'gcn.notices.icecube.gold_bronze_track_alerts',0,12,'example','2023-04-16T07:43:12.420000Z');
INSERT INTO "sightings" VALUES(3,1,'gcn.notices.icecube.gold_bronze_track_alerts',0,12,'example','2023-04-16T07:43:12.420000Z');
INSERT INTO "sightings" VALUES(4,1,'gcn.notices.icecube.gold_bronze_track_alerts',0,12,'example','2023-04-16T07:43:12.420000Z');
CREATE TABLE significances (
    record_number INTEGER NOT NULL REFERENCES records, number INTEGER NOT NULL,
    provider TEXT NOT NULL, quantity TEXT NOT NULL, sided TEXT NOT NULL, p_value REAL,
    sigma REAL, is_limit INTEGER NOT NULL, n_trials REAL, trials_source TEXT,
    p_value_post REAL, sigma_post REAL, far_per_year REAL, far_source TEXT, verdict TEXT,
    PRIMARY KEY (record_number, number)
) WITHOUT ROWID;
INSERT INTO "significances" VALUES(1,1,'example','generic','one-sided',0.0191,2.073,0,2.0,'two searches',0.0378,1.777,1.91,'100 alerts per year','weak');
INSERT INTO "significances" VALUES(3,1,'example','generic','one-sided',0.0191,2.073,0,2.0,'two searches',0.0378,1.777,1.91,'100 alerts per year','weak');
INSERT INTO "significances" VALUES(3,2,'example','bayesian','one-sided',0.0191,2.073,0,2.0,'two searches',0.0378,1.777,1.91,'100 alerts per year','weak');
CREATE INDEX records_by_event ON records (event_key);
CREATE INDEX records_by_time ON records (trigger_time);
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
COMMIT;
