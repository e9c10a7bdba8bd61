"""The sinks that come with the plugin set, each a plugin of its own.

========== ============================================ ====================================
type       module                                       writes
========== ============================================ ====================================
json       `icecube_plugin.sinks.json_files`            one indented JSON file per record
jsonl      `icecube_plugin.sinks.json_lines`            one line per record into one file
sqlite     `icecube_plugin.sinks.sqlite`                tables and views, exactly once
terminal   `icecube_plugin.sinks.terminal`              a readable summary
========== ============================================ ====================================

All follow the contract `icecube_hooks.Sink`. A path may start with ``~``; a relative one is
relative to the working directory in which the sink is made. Folders are made when the sink is.
"""
