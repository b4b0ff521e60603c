"""The plugin contract: edits, the packs they come in, and how installed packs are found."""
