"""Runs and delivers.

papermill and nbconvert load jsonschema, whose optional IRI check takes seconds to import and is used by nobody here.
"""

import sys

sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]  # None: importing it fails, which jsonschema allows for
