"""`python -m equigrasp.cli`."""

import sys

from equigrasp.cli.main import main

sys.exit(main())
