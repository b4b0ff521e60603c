"""`scrubber serve`: scrub over HTTP.

Needs the extra `[server]`.  Only the command line imports it, from `scrubber.server.main`.
"""
