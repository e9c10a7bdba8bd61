"""The sinks that come with the plugin set, each a plugin of its own.

============ =========================== ==========================================================
type         module                      writes
============ =========================== ==========================================================
archive      ``sinks.archive``           notices byte by byte, by date and topic
database     ``sinks.database``          PostgreSQL or SQLite by URL, each record once
hopskotch    ``sinks.hopskotch``         JSON to a topic of SCiMMA's Hopskotch
html         ``sinks.html``              a page per event and an index
json         ``sinks.json_files``        one indented JSON file per record
jsonl        ``sinks.json_lines``        one line per record, with rotation
kafka        ``sinks.kafka``             JSON to a Kafka topic of one's own
notify       ``sinks.notify``            messages to people
parquet      ``sinks.parquet``           Parquet files by year, each record once
skyportal    ``sinks.skyportal``         events and comments in a SkyPortal
sqlite       ``sinks.sqlite``            tables and views, each record once
table        ``sinks.tables``            catalogue as ECSV, FITS or VOTable
terminal     ``sinks.terminal``          a readable summary
voevent      ``sinks.voevent``           VOEvent 2.0 packets, in files and to a broker
webhook      ``sinks.webhook``           a signed POST per record
============ =========================== ==========================================================

All follow the contract `icecube_hooks.Sink`. A path may start with ``~``; a relative one is
relative to the working directory in which the sink is made. Folders are made when the sink is.
"""
