#!/usr/bin/env bash
# coming_from_transformer_lens.sh DIRECTORY: the tasks of docs/coming_from_transformer_lens.md in
# Python (HOOKED_PYTHON, or the system's), where the cookbook ran. 77: Python lacks TransformerLens.
set -euo pipefail
exec "${HOOKED_PYTHON-python3}" \
  "$(dirname "$0")/../../examples/cookbook/coming_from_transformer_lens.py" "$1"
