"""Claims of a host that has a parser of its own, given to the scrubber as `scrubber.Claim`.

One module for each form: `mapping` for dictionaries in field terms, `pyx12` for the nodes of pyx12's context reader,
`databricks` for the dictionaries of Databricks' x12-edi-parser.  None of them imports the other package.  What an
edit must know and a form does not say is an AdapterError or a finding, never a default.
"""

from scrubber.claims.adapters.databricks import claims_from_databricks
from scrubber.claims.adapters.mapping import claim_from_mapping
from scrubber.claims.adapters.pyx12 import claims_from_pyx12

__all__ = ["claim_from_mapping", "claims_from_databricks", "claims_from_pyx12"]
