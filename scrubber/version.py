"""The name and the version of the distribution."""

__all__ = ["DISTRIBUTION", "__version__"]

DISTRIBUTION = "x12-claim-scrubber"
__version__ = "0.1.0"
