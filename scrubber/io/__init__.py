"""Bytes and files: inputs read in blocks, files that are published complete, private databases.  Knows no X12."""
