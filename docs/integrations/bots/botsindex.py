"""The configuration part of the Bots plugin: two channels and the route between them (see docs/integrations.md).

Bots reads the list `plugins` when the plugin is installed; a route from a plugin is not active until it is made so.
"""

plugins = [
    {
        "plugintype": "channel",
        "idchannel": "scrub837p_in",
        "inorout": "in",
        "type": "file",
        "path": "botssys/infile/scrub837p",
        "filename": "*.837",
        "remove": True,
        "desc": "837P files to be scrubbed",
    },
    {
        "plugintype": "channel",
        "idchannel": "scrub837p_out",
        "inorout": "out",
        "type": "file",
        "path": "botssys/outfile/scrub837p",
        # Written under another name and renamed, so that whoever takes the files finds whole ones only.
        "filename": "*.837.tmp",
        "mdnchannel": ".tmp",
        "desc": "837P files of which every claim was accepted",
    },
    {
        "plugintype": "routes",
        "idroute": "scrub837p",
        "seq": 1,
        "fromchannel": "scrub837p_in",
        "fromeditype": "raw",
        "frommessagetype": "raw",
        "tochannel": "scrub837p_out",
        # 0 is "Nothing": Bots sends what the route script releases.  With 2, "Pass-through", it would send every file
        # unscrubbed whenever the script cannot be found.
        "translateind": 0,
        "desc": "Holds 837P files with rejected claims, passes clean ones as they are",
    },
]
