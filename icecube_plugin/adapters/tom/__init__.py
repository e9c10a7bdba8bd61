"""Inside a TOM (TOM Toolkit): a Django app, and handlers for tom-alertstreams.

In the TOM's ``settings.py``::

    INSTALLED_APPS += ["icecube_plugin.adapters.tom"]
    ICECUBE_ALERTS = {"CONFIG": "icecube.toml"}
    HANDLER = "icecube_plugin.adapters.tom.handlers.handle"
    ALERT_STREAMS = [{
        "NAME": "tom_alertstreams.alertstreams.gcn.GCNClassicAlertStream",
        "OPTIONS": {
            ...,
            "TOPIC_HANDLERS": {"gcn.classic.voevent.ICECUBE_CASCADE": HANDLER},
        },
    }]

then ``manage.py migrate`` and ``manage.py readstreams``.

Conventions
-----------
- A Target is what is known of one event from all its notices, whatever their order: `sink` keeps
  each notice in a table of ours, and `targets` makes the Target of them. So a redelivery changes
  nothing, and neither does an old revision that comes late.
- The table is the app's only one, and its migration touches no other. It can be undone; Targets
  stay then.
- ``None`` is "not stated": an extra field that no notice states is not there.

Nothing of Django is imported here: it wants settings first.
"""
