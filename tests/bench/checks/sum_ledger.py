"""Prints as JSON how many objects the ledger of a lake names and how many records they held, read through the Delta log.

sum_ledger.py LAKE
"""

import json
import sys

import pyarrow.compute as pc
from deltalake import DeltaTable

ledger = DeltaTable(f"{sys.argv[1]}/objects").to_pyarrow_table(columns=["records"])
print(json.dumps({"objects": ledger.num_rows, "records": pc.sum(ledger["records"]).as_py() or 0}))
